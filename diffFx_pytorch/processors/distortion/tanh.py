"""Hyperbolic tangent."""

from __future__ import annotations

from torch import Tensor

from ...dsp.shapes import TANH
from ...processor import State
from .stage import SHAPER_KNOBS, Shaper


class TanH(Shaper):
    """Smooth symmetric saturation, as of an overdriven amplifier stage: w = tanh(10^(drive / 20) x + b) - tanh(b).

    What the bias b adds at DC is taken away (a 10 Hz low-pass follows it); see ``ShaperStage``. Bias lowers the gain of
    quiet signals by 1 - tanh(b)^2, as moving the working point of a real stage does.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        oversampling: 1, 2, 4 or 8 times the sample rate around the shaper, against aliasing.
        phase: of the oversampling filters: "linear" (64, 72, 75 samples of latency) or "minimum" (3 or 4).
        antialias: "adaa": first-order antiderivative antialiasing, with or without oversampling. It delays the wet
            signal by half a sample of the oversampled rate and takes off the highest frequencies.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.3.
        J. Parker, V. Zavalishin, E. Le Bivic, "Reducing the aliasing of nonlinear waveshaping using continuous-time
        convolution", DAFx 2016, eq. 10 (with F = log cosh).
    """

    params = SHAPER_KNOBS
    shape = TANH
    variants = ({}, {"oversampling": 4, "phase": "minimum"}, {"oversampling": 2, "antialias": "adaa"})

    def process(self, x: Tensor, state: State, **knobs: Tensor) -> tuple[Tensor, State]:
        """The stage with tanh as its shape."""
        return self.shaped(x, state, **knobs)
