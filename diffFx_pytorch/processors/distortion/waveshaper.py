"""A waveshaper whose curve is its knobs."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from ...dsp.shapes import from_slopes
from ...dsp.shaping import Shape
from ...params import EffectParam
from ...processor import State
from ..oversampling import Phase
from .stage import DRIVE, MIX, OUTPUT, Antialias, Shaper

_REACH = 2.0


class Waveshaper(Shaper):
    """A curve to be learnt or drawn: w = f(10^(drive / 20) x), f through points that its slopes lay out.

    The points stand at 2 k / num_points on either side of 0. Between them the slope goes in straight lines from knob to
    knob, so the curve consists of parabolas y[k] = y[k-1] + (s[k-1] + s[k]) / num_points without corners. It begins in
    0 with slope 1, so quiet signals keep their level whatever the knobs say; no slope is negative, so it never falls.
    Beyond the last point it goes on straight. The two sides are apart; DC is taken away (a 10 Hz low-pass follows what
    is not odd). The defaults are the slopes of tanh.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        num_points: on either side, 1 .. 16.
        oversampling: 1, 2, 4 or 8 times the sample rate around the shaper, against aliasing.
        phase: of the oversampling filters: "linear" (64, 72, 75 samples of latency) or "minimum" (3 or 4).
        antialias: "adaa" for first-order antiderivative antialiasing, None for none.

    Raises:
        ValueError: for another number of points, or an unknown option.

    References:
        F. N. Fritsch, R. E. Carlson, "Monotone piecewise cubic interpolation", SIAM J. Numerical Analysis 17(2), 1980
        (monotone by the sign of slopes; here of one degree less, so that every set of slopes is allowed).
    """

    variants = ({}, {"num_points": 2, "oversampling": 2, "antialias": "adaa"})

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_points: int = 4,
        oversampling: int = 1,
        phase: Phase = "linear",
        antialias: Antialias = None,
    ) -> None:
        if isinstance(num_points, bool) or not isinstance(num_points, int) or not 1 <= num_points <= 16:
            raise ValueError(f"Waveshaper: num_points must be a whole number in 1 .. 16, got {num_points!r}")
        spacing = _REACH / num_points
        table = {"drive_db": DRIVE}
        for side, sign in (("below", "-"), ("above", "")):
            for k in range(1, num_points + 1):
                level = k * spacing
                default = 1 - math.tanh(level) ** 2
                doc = f"Slope of the curve at {sign}{level:.3g}; 0 is a ceiling, 1 leaves alone."
                table[f"{side}_{k}_slope"] = EffectParam(0.0, 2.0, default, doc=doc)
        table |= {"mix": MIX, "output_db": OUTPUT}
        super().__init__(
            sample_rate, param_range, params=table, oversampling=oversampling, phase=phase, antialias=antialias
        )
        self.num_points = num_points

    def process(self, x: Tensor, state: State, **knobs: Tensor) -> tuple[Tensor, State]:
        """The stage with the curve of the slopes as its shape."""
        return self.shaped(x, state, **knobs)

    def shape_at(self, **slopes: Tensor) -> Shape:
        """The curve for its slopes."""
        values = list(slopes.values())
        return from_slopes(values[: self.num_points], values[self.num_points :], _REACH / self.num_points)
