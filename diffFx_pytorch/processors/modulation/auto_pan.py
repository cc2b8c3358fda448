"""Panning that an oscillator moves."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.oscillator import oscillator
from ...dsp.panning import pan_gains, place
from ...params import EffectParam
from ...processor import State
from ..choices import LAW, SHAPE, TEMPO
from .tempo import InTempo


class AutoPan(InTempo):
    """Position between left and right moved by an oscillator: pan[n] = depth o(phi[n] + phi_0), placed by a pan law.

    Mono in, stereo out; the sides of a stereo input are balanced, with the centre neutral (see ``StereoPanning``).

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, chapter 5.
    """

    words = ("moves it between left and right at {rate_hz} with a depth of {depth:share}, the sides {phase_deg} apart",)
    params = {
        "rate_hz": EffectParam(
            0.05, 20.0, 1.0, "log", "Hz", search="rate", doc="How often the image goes round in a second."
        ),
        "depth": EffectParam(0.0, 1.0, 1.0, doc="0 stays in the centre, 1 goes from end to end."),
        "phase_deg": EffectParam(0.0, 360.0, 0.0, unit="deg", doc="Phase at the start; 0 is the centre, going right."),
    }
    options = {"shape": SHAPE, "law": LAW, "tempo_bpm": TEMPO}
    neutral = {"depth": 0.0}
    traits = {"linear", "causal", "odd"}
    channels = (1, 2)
    channels_out = 2
    variants = tuple({"shape": shape, "law": law} for shape, law in zip(SHAPE.values, LAW.values, strict=True))

    def process(
        self, x: Tensor, state: State, *, rate_hz: Tensor, depth: Tensor, phase_deg: Tensor
    ) -> tuple[Tensor, State]:
        """Place where the oscillator stands; the state is its phase."""
        position, state = self._position(rate_hz, depth, phase_deg, x.shape[-1], state)
        return place(x, position, self.law), state

    def curve(self, *, rate_hz: Tensor, depth: Tensor, phase_deg: Tensor) -> Curve:
        """Gain of the left side over two turns, for a mono input."""
        samples = int(float(2 / rate_hz[0, 0, 0]) * self.sample_rate)
        position, _ = self._position(rate_hz[:1, :, :1], depth[:1, :, :1], phase_deg[:1, :, :1], samples)
        left, _ = pan_gains(position, self.law)
        return Curve(torch.arange(samples) / self.sample_rate, left[0, 0], "time (s)", "gain of left", title="AutoPan")

    def _position(
        self, rate_hz: Tensor, depth: Tensor, phase_deg: Tensor, samples: int, state: State = None
    ) -> tuple[Tensor, Tensor]:
        ahead = phase_deg.double() / 360
        wave, state = oscillator(rate_hz, self.sample_rate, samples, state, self.shape, ahead=ahead)
        return depth * wave, state
