"""Ring modulation."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.oscillator import oscillator
from ...params import EffectParam
from ...processor import Processor, State
from ..choices import SHAPE

_CORNERS = {"gradients:freq_hz": "a corner of the triangle on a sample has two slopes; right beside it"}


class RingModulator(Processor):
    """Multiplication with an oscillator: y[n] = (1 - mix) x[n] + mix x[n] o(phi[n]).

    A sine moves every partial at f to freq + f and freq - f, and leaves nothing at f. Sums above half the sample rate
    fold back, as do the harmonics of the other shapes.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 3.3.1.
    """

    words = ("multiplies with a tone of {freq_hz}",)
    params = {
        "freq_hz": EffectParam(10.0, 5000.0, 200.0, "log", "Hz", search="rate", doc="Frequency of the oscillator."),
        "mix": EffectParam(0.0, 1.0, 1.0, doc="0 is the dry signal, 1 the product."),
    }
    options = {"shape": SHAPE}
    neutral = {"mix": 0.0}
    traits = {"linear", "causal", "odd"}
    variants = tuple({"shape": shape} for shape in SHAPE.values)

    def prepare(self) -> None:
        """What holds of this construction alone."""
        if self.shape == "triangle":
            self.exempt = _CORNERS

    def process(self, x: Tensor, state: State, *, freq_hz: Tensor, mix: Tensor) -> tuple[Tensor, State]:
        """Multiply by the oscillator; the state is its phase."""
        wave, state = oscillator(freq_hz, self.sample_rate, x.shape[-1], state, self.shape, dtype=x.dtype)
        return x * torch.addcmul(1 - mix, mix, wave), state

    def curve(self, *, freq_hz: Tensor, mix: Tensor) -> Curve:
        """Gain over three periods of the oscillator."""
        freq = freq_hz[:1, :, :1].double()
        rate = 200 * float(freq)
        wave, _ = oscillator(freq, rate, 601, None, self.shape, dtype=torch.float64)
        time_ms = torch.arange(601, dtype=torch.float64) * (1000 / rate)
        gain = 1 + mix[0, 0, 0].double() * (wave.flatten() - 1)
        return Curve(time_ms, gain, "time (ms)", "gain", title="RingModulator")
