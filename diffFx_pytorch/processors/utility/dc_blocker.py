"""Removal of DC."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.biquad import high_pass_first_order, sos_response
from ...dsp.levels import amp_to_db
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import sosfilt


class DCBlocker(Processor):
    """First-order high-pass under the audible range: y[n] = g (x[n] - x[n-1]) + R y[n-1].

    With t = tan(pi f / fs): g = 1 / (1 + t), R = (1 - t) / (1 + t). The zero is at DC exactly; the gain is -3 dB at f,
    and 1 at half the sample rate.

    References:
        J. O. Smith, Introduction to Digital Filters with Audio Applications, W3K Publishing 2007, "DC Blocker".
    """

    words = ("takes out what does not move, below {freq_hz}",)
    params = {
        "freq_hz": EffectParam(
            1.0, 100.0, 10.0, "log", "Hz", doc="Frequency at which the gain is -3 dB; lower ones settle more slowly."
        )
    }
    traits = {"linear", "time_invariant", "causal", "odd"}
    exempt = {"neutral": "a filter that removes DC changes what has some"}

    def process(self, x: Tensor, state: State, *, freq_hz: Tensor) -> tuple[Tensor, State]:
        """Filter; the state is the filter's."""
        sos = self._section(freq_hz)
        return sosfilt(x, sos, state, return_zf=True)

    def tail(self, *, freq_hz: Tensor) -> Tensor:
        """Seconds until the one pole has decayed by 60 dB."""
        return math.log(1000.0) / (2 * math.pi * freq_hz.amin(-1, keepdim=True))

    def curve(self, *, freq_hz: Tensor) -> Curve:
        """Gain over frequency."""
        frequency = torch.logspace(-1, math.log10(0.5 * self.sample_rate), 400, dtype=torch.float64)
        response = sos_response(self._section(freq_hz[:1, :, :1])[0, 0, 0], frequency, self.sample_rate)
        return Curve(frequency, amp_to_db(response.abs()), "frequency (Hz)", "gain (dB)", True, "DCBlocker")

    def _section(self, freq_hz: Tensor) -> Tensor:
        return high_pass_first_order(freq_hz.double(), self.sample_rate, "bilinear").unsqueeze(-2)
