"""A waveshaper whose curve is its knobs."""

from __future__ import annotations

import math

from torch import Tensor

from ...dsp.shapes import from_slopes
from ...dsp.shaping import Shape
from ...options import Integer
from ...params import EffectParam
from .shaper import DRIVE, MIX, OUTPUT, Shaper

_REACH = 2.0


class Waveshaper(Shaper):
    """A curve to be learnt or drawn: w = f(10^(drive / 20) x), f through points that its slopes lay out.

    The points stand at 2 k / num_points on either side of 0. Between them the slope goes in straight lines from knob to
    knob, so the curve consists of parabolas y[k] = y[k-1] + (s[k-1] + s[k]) / num_points without corners. It begins in
    0 with slope 1, so quiet signals keep their level whatever the knobs say; no slope is negative, so it never falls.
    Beyond the last point it goes on straight. The two sides are apart; DC is taken away (a 10 Hz low-pass follows what
    is not odd). The defaults are the slopes of tanh.

    References:
        F. N. Fritsch, R. E. Carlson, "Monotone piecewise cubic interpolation", SIAM J. Numerical Analysis 17(2), 1980
        (monotone by the sign of slopes; here of one degree less, so that every set of slopes is allowed).
    """

    words = ("{drive_db:drives} and bends the wave along a curve", "{output_db:adds} behind it")
    options = {"num_points": Integer(1, 16, 4, doc="Points on either side of 0."), **Shaper.options}
    variants = ({}, {"num_points": 2, "oversampling": 2, "antialias": "adaa"})

    def table(self) -> dict[str, EffectParam]:
        """Drive, the slopes below and above 0, mix and output."""
        table = {"drive_db": DRIVE}
        for side, sign in (("below", "-"), ("above", "")):
            for k in range(1, self.num_points + 1):
                level = k * (_REACH / self.num_points)
                default = 1 - math.tanh(level) ** 2
                doc = f"Slope of the curve at {sign}{level:.3g}; 0 is a ceiling, 1 leaves alone."
                table[f"{side}_{k}_slope"] = EffectParam(0.0, 2.0, default, doc=doc)
        return table | {"mix": MIX, "output_db": OUTPUT}

    def shape_at(self, **slopes: Tensor) -> Shape:
        """The curve for its slopes."""
        values = list(slopes.values())
        return from_slopes(values[: self.num_points], values[self.num_points :], _REACH / self.num_points)
