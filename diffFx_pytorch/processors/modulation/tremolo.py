"""Tremolo."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.oscillator import oscillator
from ...params import EffectParam
from ...processor import State
from ..choices import SHAPE, TEMPO
from .tempo import InTempo


class Tremolo(InTempo):
    """Level moved by a low-frequency oscillator: y[n] = (1 - d (1 - o(phi[n] + phi_0)) / 2) x[n].

    The oscillator o runs between -1 and 1, so the gain between 1 - d and 1: tremolo takes level away, never adds.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 3.3.4.
    """

    words = ("moves the level up and down at {rate_hz} with a depth of {depth:share}, the sides {phase_deg} apart",)
    params = {
        "rate_hz": EffectParam(0.1, 20.0, 5.0, "log", "Hz", search="rate", doc="Speed of the oscillator."),
        "depth": EffectParam(0.0, 1.0, 0.5, doc="0 leaves the signal alone, 1 closes fully."),
        "phase_deg": EffectParam(
            0.0, 360.0, 90.0, unit="deg", doc="Phase of the oscillator at the start; at 90 the level is full."
        ),
    }
    options = {"shape": SHAPE, "tempo_bpm": TEMPO}
    neutral = {"depth": 0.0}
    traits = {"linear", "causal", "odd"}
    variants = ({}, {"shape": "triangle"}, {"shape": "square"})

    def process(
        self, x: Tensor, state: State, *, rate_hz: Tensor, depth: Tensor, phase_deg: Tensor
    ) -> tuple[Tensor, State]:
        """Multiply by the oscillator; the state is its phase."""
        gain, state = self._gain(rate_hz, depth, phase_deg, x.shape[-1], state)
        return x * gain, state

    def curve(self, *, rate_hz: Tensor, depth: Tensor, phase_deg: Tensor) -> Curve:
        """Gain over two turns of the oscillator."""
        seconds = float(2 / rate_hz[0, 0, 0])
        gain, _ = self._gain(
            rate_hz[:1, :, :1], depth[:1, :, :1], phase_deg[:1, :, :1], int(seconds * self.sample_rate)
        )
        time = torch.arange(gain.shape[-1]) / self.sample_rate
        return Curve(time, gain[0, 0], "time (s)", "gain", title="Tremolo")

    def _gain(
        self, rate_hz: Tensor, depth: Tensor, phase_deg: Tensor, samples: int, state: State = None
    ) -> tuple[Tensor, Tensor]:
        ahead = phase_deg.double() / 360
        wave, state = oscillator(rate_hz, self.sample_rate, samples, state, self.shape, ahead=ahead, dtype=depth.dtype)
        return torch.addcmul(1 - depth / 2, depth / 2, wave), state
