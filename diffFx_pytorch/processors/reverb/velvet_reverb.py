"""Reverb of filtered velvet noise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.velvet_noise import velvet_noise
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import delay_line, one_pole
from ..delay.tone import TONE
from .predelay import MIX
from .response import EARLIEST, WIDTH, blend, darkened, decay_curve, heard_seconds, reverberate

_SEGMENTS = 24
_HIGH_HZ = 8000.0


class VelvetReverb(Processor):
    r"""A reverb of velvet noise, pulses of either sign that darken as they decay: y = (1 - m) x + m W(h * x).

    .. math:: h = s_1 + L_1 \{ s_2 + L_2 \{ s_3 + \dots \}\}, \qquad
        s_i(n) = \frac{1}{\sqrt E} \sum_{k_p \in S_i} \pm 10^{-3 k_p / (f_s T)} \delta(n - d - k_p)

    The pulses k_p lie in segments S_i, short ones first; each L_i is a one-pole low-pass that at 8 kHz (0.4 of lower
    sample rates) takes away what high frequencies decay faster by during a segment: there the decay by 60 dB lasts
    ``decay_high_ratio`` times ``decay_s``. Low frequencies decay in T = ``decay_s`` exactly. E is the energy of the
    pulses: noise is as loud as it was, before it darkens. The sides have pulses of their own. Mono or stereo in, stereo
    out.

    With few pulses the onset is grainy, as in a small hard room; from 2000 a second it is smoother than Gaussian noise.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        density: pulses a second, 100 up to a quarter of the sample rate.
        ir_seconds: length of the response, 0.2 .. 20, and the longest decay.
        seed: of the pulses; they stand at the same times at every sample rate.

    Raises:
        ValueError: for a density, a length or a seed that is none.

    References:
        V. Valimaki, B. Holm-Rasmussen, B. Alary, H.-M. Lehtonen, "Late reverberation synthesis using filtered velvet
        noise", Applied Sciences 7(5), 2017.
        M. Karjalainen, H. Jarvelainen, "Reverberation modeling using velvet noise", AES 30th Conference, 2007.
    """

    neutral = {"mix": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd"}
    channels = (1, 2)
    channels_out = 2
    crosses_channels = True
    variants = ({}, {"density": 700.0, "ir_seconds": 0.6, "seed": 3})
    _pulses: Tensor

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        density: float = 2000.0,
        ir_seconds: float = 2.5,
        seed: int = 0,
    ) -> None:
        if not 0.2 <= ir_seconds <= 20:
            raise ValueError(f"VelvetReverb: ir_seconds must lie in 0.2 .. 20, got {ir_seconds!r}")
        table = {
            "predelay_ms": EARLIEST,
            "decay_s": EffectParam(
                0.1,
                float(ir_seconds),
                0.5 * ir_seconds,
                "log",
                "s",
                doc="Time in which low frequencies decay by 60 dB.",
                automatable=False,
            ),
            "decay_high_ratio": EffectParam(
                0.1, 1.0, 0.5, "log", doc="How long 8 kHz decay relative to low frequencies.", automatable=False
            ),
            "lowpass_hz": replace(
                TONE["lowpass_hz"], doc="Darkens the reverberation; open at the end.", automatable=False
            ),
            "highpass_hz": replace(
                TONE["highpass_hz"], doc="Thins the reverberation; open at the end.", automatable=False
            ),
            "width": WIDTH,
            "mix": MIX,
        }
        super().__init__(sample_rate, param_range, params=table)
        if not 100 <= density <= sample_rate / 4:
            raise ValueError(
                f"VelvetReverb: density must lie in 100 .. {sample_rate / 4:g}, a quarter of the sample rate, "
                f"got {density!r}"
            )
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"VelvetReverb: seed must be a whole number from 0 up, got {seed!r}")
        self.density, self.ir_seconds = float(density), float(ir_seconds)
        length = round(ir_seconds * sample_rate)
        pulses = torch.zeros(2, length)
        rng = np.random.default_rng(seed)
        for side in pulses:
            positions, signs = velvet_noise(ir_seconds, sample_rate, density, rng)
            side[torch.from_numpy(positions)] = torch.from_numpy(signs).to(side)
        self.register_buffer("_pulses", pulses, persistent=False)
        # Steps of the high frequencies' level are fine where it is heard, and coarse late.
        self._starts = [round(length * (i / _SEGMENTS) ** 1.5) for i in range(_SEGMENTS)]
        latest = math.ceil(self.params["predelay_ms"].max_val * sample_rate / 1000)
        self._taps = length + (latest + 6 if latest else 0)

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        predelay_ms: Tensor,
        decay_s: Tensor,
        decay_high_ratio: Tensor,
        lowpass_hz: Tensor,
        highpass_hz: Tensor,
        width: Tensor,
        mix: Tensor,
    ) -> tuple[Tensor, State]:
        """Convolve with the pulses; the state is the sound still to come."""
        shaping = (predelay_ms, decay_s, decay_high_ratio, lowpass_hz, highpass_hz)
        wet, state = reverberate(x, state, lambda n: self._respond(n, x.dtype, *shaping), self._taps, shaping)
        return blend(x, wet, width, mix), state

    def tail(self, *, width: Tensor, mix: Tensor, **shaping: Tensor) -> Tensor:
        """Until the response has all but gone."""
        return heard_seconds(self._respond(self._taps, torch.float64, **shaping), self.sample_rate)

    def curve(self, *, width: Tensor, mix: Tensor, **shaping: Tensor) -> Curve:
        """Decay of the energy of the response."""
        return decay_curve(self._respond(self._taps, torch.float64, **shaping)[0], self.sample_rate, "VelvetReverb")

    def _respond(
        self,
        samples: int,
        dtype: torch.dtype,
        predelay_ms: Tensor,
        decay_s: Tensor,
        decay_high_ratio: Tensor,
        lowpass_hz: Tensor,
        highpass_hz: Tensor,
    ) -> Tensor:
        """The first samples of the response that the knobs ask for, (B, 2, samples)."""
        fall = -3 * math.log(10) / self.sample_rate / decay_s.double()
        energy = (self._pulses.double().square().mean(0) * torch.exp(2 * fall * self._ages(self._pulses))).sum(-1, True)
        pulses = self._pulses[:, :samples]
        h = pulses.to(dtype) * (torch.exp(fall * self._ages(pulses)) * energy.rsqrt()).to(dtype)
        h = self._damped(h, fall * (1 / decay_high_ratio.double() - 1))
        h = delay_line(
            torch.nn.functional.pad(h, (0, samples - h.shape[-1])), predelay_ms.double() * (self.sample_rate / 1000)
        )
        return darkened(h, lowpass_hz, highpass_hz, self.sample_rate)

    def _ages(self, pulses: Tensor) -> Tensor:
        return torch.arange(pulses.shape[-1], dtype=torch.float64, device=pulses.device)

    def _damped(self, h: Tensor, fall: Tensor) -> Tensor:
        """High frequencies let fall by so many nepers a sample, (B, 1, 1), segment by segment from the last."""
        starts = [0, *(s for s in self._starts if 0 < s < h.shape[-1])]
        cos = math.cos(2 * math.pi * min(_HIGH_HZ / self.sample_rate, 0.4))
        late = h[..., starts[-1] :]
        for before, start in reversed(list(itertools.pairwise(starts))):
            q = torch.exp(fall * (start - before))
            # The pole c of (1 - c)^2 = q^2 (1 - 2 c cos + c^2), without the difference that loses digits.
            A, B = 1 - q * q, 1 - q * q * cos
            pole = A / (B + q * torch.sqrt((1 - cos) * (A + B)))
            filtered = one_pole(late, pole.squeeze(-1), moving=False)
            late = torch.cat((h[..., before:start], filtered), -1)  # type: ignore[arg-type]  # no state is asked for
        return late
