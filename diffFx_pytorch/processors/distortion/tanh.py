"""Hyperbolic tangent."""

from __future__ import annotations

from ...dsp.shapes import TANH
from .clippers import Clipper


class TanH(Clipper):
    """Smooth symmetric saturation, as of an overdriven amplifier stage: w = tanh(10^(drive / 20) x + b) - tanh(b).

    What the bias b adds at DC is taken away (a 10 Hz low-pass follows it); see ``ShaperStage``. Bias lowers the gain of
    quiet signals by 1 - tanh(b)^2, as moving the working point of a real stage does.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.3.
        J. Parker, V. Zavalishin, E. Le Bivic, "Reducing the aliasing of nonlinear waveshaping using continuous-time
        convolution", DAFx 2016, eq. 10 (with F = log cosh).
    """

    words = ("{drive_db:drives} and saturates", "{output_db:adds} behind it")
    shape = TANH
    variants = ({}, {"oversampling": 4, "phase": "minimum"}, {"oversampling": 2, "antialias": "adaa"})
