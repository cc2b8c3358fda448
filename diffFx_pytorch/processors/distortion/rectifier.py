"""Rectifier."""

from __future__ import annotations

from torch import Tensor

from ...dsp.shapes import rectified
from ...dsp.shaping import Shape
from ...params import EffectParam
from .shaper import SHAPER_KNOBS, Shaper


class Rectifier(Shaper):
    """Half-wave rectification: w = u + amount (sqrt(u^2 + k^2) - k), u = 10^(drive / 20) x + b, k = 1/4.

    At amount 1 that is twice what a diode lets through, max(u, 0), with the rounded corner of a diode. The octave above
    is added to the sound and the sound stays: its fundamental keeps its level at every amount, and below the corner
    quiet signals are left alone, so there is no dead zone. DC is taken away (a 10 Hz low-pass follows it).

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.3.3 (half- and full-wave).
    """

    words = ("{drive_db:drives} and folds what is negative up", "{output_db:adds} behind it")
    params = {
        "drive_db": SHAPER_KNOBS["drive_db"],
        "amount": EffectParam(0.0, 1.0, 1.0, doc="0 leaves the signal alone, 1 takes away its negative half."),
        **{name: row for name, row in SHAPER_KNOBS.items() if name != "drive_db"},
    }

    variants = ({}, {"oversampling": 2, "antialias": "adaa"})

    def shape_at(self, *, amount: Tensor) -> Shape:
        """The rectifier for an amount."""
        return rectified(amount)
