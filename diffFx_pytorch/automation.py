"""Knobs that move: points in time, and the line through them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant, made_once

Segment = Literal["hold", "linear", "smooth"]
SEGMENTS: tuple[Segment, ...] = get_args(Segment)

_ON_A_SAMPLE = 1e-6
"""Samples by which a time may miss the sample it means: 0.1 s at 44.1 kHz is 4410.000000000001."""


@dataclass(frozen=True)
class Points:
    """Values that a knob moves through.

    Before the first point the knob stands at its value, after the last at that of the last.

    Args:
        values: (B, N) or (1, N), N >= 1.
        times: in seconds from the beginning of the signal, ascending; None spreads the points evenly over the signal,
            the first on its first sample and the last on its last.
        segments: how the knob goes on from each point but the last: ``"linear"``, ``"smooth"`` (w becomes
            3 w^2 - 2 w^3, without corners) or ``"hold"`` (a step at the next point). Empty is linear throughout.
    """

    values: Tensor
    times: tuple[float, ...] | None = None
    segments: tuple[Segment, ...] = ()


def values_of(value: Any) -> Any:
    """The values of points, whenever they are; anything else as it is."""
    return value.values if isinstance(value, Points) else value


def read_points(name: str, given: Mapping[Any, Any]) -> Points:
    """The points of ``{time_s: value}``, in any order; ``(value, "hold")`` says how it goes on to the next point.

    Args:
        name: of the knob, for the errors.
        given: a value is a number, or a tensor 0-d or (B,).

    Raises:
        ValueError: for no points, a time that is negative or not finite, an unknown segment, a tensor of another shape.
        TypeError: for what is no time or no value.
    """
    if not given:
        raise ValueError(f"{name} moves through no points; give {{time_s: value, ...}}")
    rows = sorted((_point(name, time, value) for time, value in given.items()), key=lambda row: row[0])
    times, values, segments = zip(*rows, strict=True)
    if any(isinstance(value, Tensor) for value in values):
        columns = [v if isinstance(v, Tensor) else torch.tensor([v], dtype=torch.float64) for v in values]
        stacked = torch.stack(torch.broadcast_tensors(*columns), -1)
    else:
        stacked = torch.tensor([values], dtype=torch.float64, device="cpu")
    return Points(stacked, times, segments[:-1])


def _point(name: str, time: Any, value: Any) -> tuple[float, float | Tensor, Segment]:
    if isinstance(time, (bool, str)) or not hasattr(time, "__float__"):
        raise TypeError(f"{name}: a time must be a number of seconds, got {time!r}")
    if not 0 <= float(time) < math.inf:
        raise ValueError(f"{name}: a time must be a finite number of seconds, 0 or more, got {time!r}")
    segment: Any = "linear"
    if isinstance(value, (tuple, list)):
        if len(value) != 2 or value[1] not in SEGMENTS:
            raise ValueError(
                f"{name}: a point is a value or (value, {' or '.join(map(repr, SEGMENTS))}), got {value!r}"
            )
        value, segment = value
    if isinstance(value, Tensor):
        if value.dim() > 1:
            raise ValueError(f"{name}: the value of a point must be 0-d or (B,), got shape {tuple(value.shape)}")
        return float(time), value.reshape(-1), segment
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__"):
        raise TypeError(f"{name}: the value of a point must be a number or a tensor, got {value!r}")
    return float(time), float(value), segment


def line(points: Points, n: Tensor, total: int, sample_rate: float) -> Tensor:
    """What the points are at samples ``n``, (B or 1, samples).

    Args:
        points: values, two or more, and when they are.
        n: (samples,) float64, indices of samples; they need not be whole, and before 0 the first point holds.
        total: length in samples over which evenly spread points stand.
        sample_rate: in Hz, for points in time.
    """
    values, last = points.values, points.values.shape[-1] - 1
    if points.times is None:
        position = (n * (last / max(total - 1, 1))).clamp(0, last)
        left = position.floor().clamp_max(last - 1)
        weight, left = position - left, left.long()
    else:
        places = made_once(places_of, points.times, sample_rate, dtype=n.dtype, device=n.device)
        left = (torch.searchsorted(places, n, right=True) - 1).clamp(0, last - 1)
        # Two points within one sample are a step.
        lengths = places.diff(append=places[-1:]).clamp_min(_ON_A_SAMPLE)
        weight = ((n - places[left]) / lengths[left]).clamp(0, 1)
        if any(segment != "linear" for segment in points.segments):
            numbers = tuple(SEGMENTS.index(s) for s in (*points.segments, "linear"))
            kinds = constant(numbers, torch.int64, n.device)[left]
            weight = torch.where(kinds == SEGMENTS.index("smooth"), weight * weight * (3 - 2 * weight), weight)
            weight = torch.where(kinds == SEGMENTS.index("hold"), weight.floor(), weight)
    following = _column(values, left + 1)
    return torch.lerp(_column(values, left), following, weight.to(values.dtype))


def places_of(times: Sequence[float], sample_rate: float) -> list[float]:
    """The samples at which points in time stand, ascending."""
    return [_place(time * sample_rate) for time in times]


def _place(samples: float) -> float:
    """A time in samples, on a sample where it means one."""
    return round(samples) if abs(samples - round(samples)) < _ON_A_SAMPLE * max(1.0, samples * 1e-6) else samples


def _column(values: Tensor, index: Tensor) -> Tensor:
    return values.gather(1, index.expand(values.shape[0], -1))
