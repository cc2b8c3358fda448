"""What is drawn, as data: lines, marks and an image over named axes. ``drawing`` and ``report.svg`` draw it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from ..curve import Curve

Role = Literal["wet", "dry", "second", "third", "guide"]
BEFORE_AFTER: tuple[tuple[str, Role], tuple[str, Role]] = (("before", "dry"), ("after", "wet"))
"""Names and roles of the sounds before and after an effect."""
Form = Literal["line", "stems", "points", "area"]


@dataclass(frozen=True)
class Axis:
    """An axis.

    Args:
        label: what it shows, with its unit.
        log: whether it is logarithmic.
        span: lowest and highest value shown; None shows all.
        period: numbers stand at multiples of it, as at 45 or 90 degrees; None for round decimal numbers.
    """

    label: str
    log: bool = False
    span: tuple[float, float] | None = None
    period: float | None = None


@dataclass(frozen=True)
class Line:
    """A line of a view.

    Args:
        x: positions, (N,).
        y: values, (N,).
        label: its name in the legend; "" has none.
        role: what it is, which gives it its colour and dash: the sound after the effect or its right side's
            counterpart, the sound before it, or a guide such as input = output.
        form: a line, stems on the lowest value, points, or the area down to ``base``.
        base: the other edge of an area, (N,).
    """

    x: Tensor
    y: Tensor
    label: str = ""
    role: Role = "wet"
    form: Form = "line"
    base: Tensor | None = None


@dataclass(frozen=True)
class Mark:
    """A place that a knob sets: a vertical line at ``x``, a horizontal one at ``y``, or a dot where both are given."""

    label: str
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True)
class Image:
    """Levels over both axes: ``levels`` (Y, X) at the middles ``x`` (X,) and ``y`` (Y,); ``span`` is dark to bright."""

    x: Tensor
    y: Tensor
    levels: Tensor
    span: tuple[float, float]
    label: str


@dataclass(frozen=True)
class View:
    """One picture of what an effect does.

    Args:
        name: what is shown, as "magnitude" or "gain reduction"; its heading.
        x: the horizontal axis.
        y: the vertical axis.
        lines: drawn in order.
        marks: places that knobs set.
        image: drawn below the lines.
        square: whether both axes have one scale.
    """

    name: str
    x: Axis
    y: Axis
    lines: Sequence[Line] = field(default_factory=tuple)
    marks: Sequence[Mark] = field(default_factory=tuple)
    image: Image | None = None
    square: bool = False

    def spans(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Lowest and highest value of both axes, as they are to be drawn."""
        return self._span(self.x, "x"), self._span(self.y, "y")

    def _span(self, axis: Axis, which: Literal["x", "y"]) -> tuple[float, float]:
        if axis.span is not None:
            return axis.span
        if self.image is not None:
            middles = self.image.x if which == "x" else self.image.y
            return float(middles[0]), float(middles[-1])
        values = [getattr(line, which) for line in self.lines]
        values += [line.base for line in self.lines if which == "y" and line.base is not None]
        seen = torch.cat([v.detach().double().flatten().cpu() for v in values]) if values else torch.zeros(1)
        seen = seen[seen.isfinite()]
        seen = seen if len(seen) else torch.zeros(1)
        low, high = float(seen.min()), float(seen.max())
        stems = any(line.form == "stems" for line in self.lines)
        if which == "x":
            margin = 0.04 * (high - low) if stems else 0.0
            return (low - margin, high + margin) if high > low else (low - 0.5, low + 0.5)
        if stems and "dB" not in axis.label:
            low, high = min(low, 0.0), max(high, 0.0)
        if axis.log:
            return (low / 1.1, high * 1.1) if low > 0 else (1.0, 10.0)
        # What is flat is drawn flat: its rounding would else fill the picture.
        least = LEAST_DB if "dB" in axis.label else LEAST_PART * max(abs(low), abs(high), 1.0)
        least = 2 * axis.period if axis.period else least
        short = max(least - (high - low), 0.0) / 2
        margin = 0.06 * max(high - low, least)
        return low - short - margin, high + short + margin


LEAST_DB, LEAST_PART = 6.0, 1e-2
"""The least span of an axis, in dB, or beside the largest value; of angles it is two periods."""

LOWEST_DB = -60.0
"""From here down the curves of effects are cut off."""


def ticks(axis: Axis, span: tuple[float, float], most: int) -> list[float]:
    """Where an axis has numbers: 1, 2, 5 times powers of ten, at most about ``most`` of them."""
    low, high = span
    if axis.log:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for factors in ((1, 2, 5), (1, 3), (1,)):
            found = [m * 10.0**p for p in powers for m in factors]
            found = [t for t in found if low * 0.999 <= t <= high * 1.001]
            if len(found) <= most:
                break
        return found
    rough = (high - low) / most
    if axis.period:
        step = axis.period * max(1, math.ceil(rough / axis.period - 1e-9))
        step = step / 3 if high - low < 3 * step else step
    else:
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
        if "dB" in axis.label and rough > 2:
            step = next((s for s in (3, 6, 12, 20, 40) if s >= rough * 0.999), step)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """A number on an axis: 100, 1k, 10k, with the minus sign of typography."""
    value = round(value, 9) + 0.0
    text = f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:g}"
    return text.replace("-", "\N{MINUS SIGN}")


def view_of(curve: Curve, marks: Sequence[Mark] = (), guides: Sequence[Line] = ()) -> View:
    """A curve as a view; one that turns back at the ends of its axis, as that of several bands, as several lines."""
    x, y = curve.x.detach().double().cpu(), curve.y.detach().double().cpu()
    span = None
    x_log = curve.x_log or ("(Hz)" in curve.x_label and 0 < 100 * float(x.min()) <= float(x.max()))
    if x_log:
        x, y = x[x > 0], y[x > 0]
        span = (max(20.0, float(x.min())), float(x.max())) if len(x) else None
    y_span = None
    floor = float(y.min()) if len(y) else 0.0
    flat = y <= floor + 1e-3
    if "(dB)" in curve.y_label and floor <= LOWEST_DB + 1e-3 and int(flat.sum()) > 2:
        # A curve that was cut off leaves the picture: along its floor it would be a level that is not there.
        y_span = (floor, float(y.max()) + 0.06 * (float(y.max()) - floor))
        y = torch.where(flat, 2 * floor, y)
    backwards = torch.nonzero(x.diff() == 0).flatten() + 1 if not curve.stems else []
    pieces = zip(_split(x, backwards), _split(y, backwards), strict=True)
    roles: tuple[Role, ...] = ("wet", "second", "third", "dry")
    several = 0 < len(backwards) < len(roles) and "(Hz)" in curve.x_label  # names of more have no room
    form: Form = "stems" if curve.stems else "line"
    lines = [
        Line(a, b, f"band {i + 1}" if several else "", roles[i % 4], form) for i, (a, b) in enumerate(pieces) if len(a)
    ]
    period = 45.0 if "deg" in curve.y_label else None
    return View(
        curve.y_label.partition(" (")[0],
        Axis(curve.x_label, x_log, span),
        Axis(curve.y_label, log=curve.y_label.startswith("frequency"), span=y_span, period=period),
        [*guides, *lines],
        marks,
    )


def _split(values: Tensor, at: Sequence[int] | Tensor) -> list[Tensor]:
    return list(torch.tensor_split(values, [int(i) for i in at]))
