"""Where the mains are, from the hum that they leave."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...dsp.biquad import butterworth_qs, low_pass
from ...dsp.oscillator import phase_ramp
from ...kernels.constants import constant
from ...processor import State
from ...recursion import filter_sections, one_pole

_FRAMES_HZ = 700.0
_HARMONICS = (1.0, 2.0, 3.0)
_CORNER_HZ = 220.0
"""Of the low-pass before frames are taken: what would fold onto the hum is 40 dB down."""
_SMOOTH_HZ, _POLES, _MEAN_S = 5.0, 3, 1.0
_SILENCE = 1e-14
FURTHEST_HZ = 1.0


class MainsFollower:
    """The drift of a hum from its nominal frequency: see ``DeHum``."""

    def __init__(self, sample_rate: float) -> None:
        self.frame = max(1, round(sample_rate / _FRAMES_HZ))
        self.sample_rate, self.rate = sample_rate, sample_rate / self.frame
        self._hold = math.exp(-2 * math.pi * _SMOOTH_HZ / self.rate), math.exp(-1 / (self.rate * _MEAN_S))

    def __call__(self, x: Tensor, freq_hz: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """The drift at the frames of a block.

        Args:
            x: (B, C, T).
            freq_hz: nominal, (B, 1, 1), float64.
            state: what the block before returned; None is silence.

        Returns:
            ``(drift, at, state)``: drift (B, C, F) in Hz, float64, for the frames that begin at ``at`` (F,), the first
            of them at or before the first sample, the last at or after the last.
        """
        if state is None:
            nothing = x.new_zeros(*x.shape[:2], 0)
            zeros = torch.zeros(*x.shape[:2], 3, 2, dtype=torch.float64, device=x.device)
            state = None, nothing, torch.zeros_like(freq_hz), (zeros,) * (_POLES + 1), zeros[..., :2, 0]
        ring, waiting, phase, smooth, known = state
        corner = torch.full_like(freq_hz, _CORNER_HZ).unsqueeze(-1)
        q = constant(butterworth_qs(6), torch.float64, x.device)
        low, ring = filter_sections(x, low_pass(corner, q, self.sample_rate), ring)
        low, begun = torch.cat((waiting, low), -1), waiting.shape[-1]
        count = low.shape[-1] // self.frame
        drift = known
        if count:
            taken = low[..., self.frame - 1 :: self.frame].double()
            turns, phase = phase_ramp(freq_hz, self.rate, count, phase)
            found, smooth = self._drift(taken, turns, smooth)
            drift = torch.cat((known, found), -1)
        at = self.frame * torch.arange(count + 2, device=x.device) - begun
        waiting = low[..., count * self.frame :].contiguous()
        return drift, at, (ring, waiting, phase, smooth, drift[..., -2:].contiguous())

    def _drift(self, x: Tensor, turns: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Of frames (B, C, F) and the phase of the nominal mains there (B, 1, F): (B, C, F) in Hz."""
        k = constant(_HARMONICS, torch.float64, x.device).unsqueeze(-1)
        angle = 2 * math.pi * (turns.unsqueeze(2) * k)
        z = x.unsqueeze(2).unsqueeze(3) * torch.stack((angle.cos(), -angle.sin()), 3)
        hold, mean_hold = self._hold
        smoothed = []
        for pole in range(_POLES):
            z, last = one_pole(z, hold, state[pole], return_zf=True)
            smoothed.append(last)
        before = torch.cat((state[_POLES - 1].unsqueeze(-1), z[..., :-1]), -1)
        real = (z * before).sum(3)
        imaginary = z[..., 1, :] * before[..., 0, :] - z[..., 0, :] * before[..., 1, :]
        S, mean = one_pole(torch.stack((real, imaginary), 3), mean_hold, state[_POLES], return_zf=True)
        turn = (k * S[..., 1, :]).sum(2) / ((k.square() * S[..., 0, :]).sum(2) + _SILENCE)
        limit = FURTHEST_HZ * 2 * math.pi / self.rate
        return turn.clamp(-limit, limit) / limit * FURTHEST_HZ, (*smoothed, mean)
