"""Knobs of one call: constants, and lines that are read at control points on a grid of the signal's own time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from .automation import Points, line, places_of
from .control import Knobs, KnobValue, as_dict, checked, map_positions
from .kernels.constants import made_once
from .kernels.transforms import is_traced
from .params import EffectParam

DENSER = 4
"""How many times as often as the grid a curve is read that is no straight line between points of the grid."""


@dataclass(frozen=True)
class Line:
    """A knob that moves.

    Args:
        param: the knob.
        points: what it moves through, as ``EffectParam.to_line`` gives them.
        latency: samples before the place where the knob acts; the curve is read so much earlier.
        sample_rate: in Hz, for points in time.
        dtype: of what is read.
    """

    param: EffectParam
    points: Points
    latency: float
    sample_rate: float
    dtype: torch.dtype

    def at(self, n: Tensor, total: int) -> Tensor:
        """The values (B or 1, 1, F) at samples ``n`` (F,), float64, of a signal of ``total`` samples."""
        moved = line(self.points, n - self.latency, total, self.sample_rate)
        return self.param.from_line(moved).to(self.dtype).unsqueeze(1)

    def corners(self, total: int, period: int) -> Tensor | None:
        """The samples at which it bends or steps, (N,) float64; None for a curve.

        A curve bends more often than once a period, or has smooth segments.
        """
        points, last = self.points, self.points.values.shape[-1] - 1
        if points.times is None:
            if total - 1 < period * last:
                return None
            places = torch.arange(last + 1, dtype=torch.float64, device="cpu") * ((total - 1) / last)
        else:
            length = round((points.times[-1] - points.times[0]) * self.sample_rate)
            if "smooth" in points.segments or length < period * last:
                return None
            places = made_once(places_of, points.times, self.sample_rate, dtype=torch.float64, device="cpu")
        return places + self.latency


@dataclass(frozen=True)
class Side:
    """A knob of several effects, some of which move, as that of the items of one batch: what ``side_by_side`` gives."""

    parts: Sequence[Read]

    def at(self, n: Tensor, total: int) -> Tensor:
        """As ``Line.at``."""
        return _stacked([part if isinstance(part, Tensor) else part.at(n, total) for part in self.parts])

    def corners(self, total: int, period: int) -> Tensor | None:
        """As ``Line.corners``, of all."""
        return _corners((part for part in self.parts if not isinstance(part, Tensor)), total, period)


Moving: TypeAlias = "Line | Side"
Read: TypeAlias = "Tensor | Line | Side"
"""A knob of one call: (B, 1, 1), or what gives it at any sample."""


def side_by_side(parts: Sequence[Read]) -> Read:
    """A knob of N effects, of batch B each, as that of one with B N items, the effects of an item in a row."""
    still = [part for part in parts if isinstance(part, Tensor)]
    return _stacked(still) if len(still) == len(parts) else Side(parts)


def _stacked(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*values), 1).flatten(0, 1)


def spreads(value: Any) -> bool:
    """Whether a value of a knob is points spread evenly over the signal, whose length it then needs."""
    return not isinstance(value, Points) and getattr(value, "ndim", 0) == 2 and value.shape[1] > 1


def read_knobs(
    table: Mapping[str, EffectParam],
    x: Tensor,
    norm_params: Knobs | None,
    dsp_params: Knobs | None,
    settings: Mapping[str, KnobValue] = {},  # only read
    latency: Mapping[str, float] = {},  # only read
    sample_rate: float = 44100.0,
) -> dict[str, Read]:
    """Every knob of a table, checked, in its unit, of the dtype and on the device of x (B, C, T).

    Args:
        table: the knobs.
        x: the sound.
        norm_params: positions, or None.
        dsp_params: values, or None.
        settings: values in their units of knobs that are not given; None of either is the default.
        latency: by knob, the samples of latency before the place where it acts.
        sample_rate: in Hz, for points in time.

    Raises:
        ValueError: for unknown names, wrong shapes, values out of range, NaN, or both kinds at once.
        TypeError: for what is no value of a knob.
    """
    if norm_params is not None and dsp_params is not None:
        raise ValueError("give norm_params or dsp_params, not both")
    is_norm = norm_params is not None
    given = as_dict(norm_params if is_norm else {} if dsp_params is None else dsp_params, table)  # type: ignore[arg-type]
    batch = x.shape[0]
    if isinstance(norm_params, Tensor) and table:
        constant = norm_params.squeeze(-1) if norm_params.dim() == 3 and norm_params.shape[-1] == 1 else norm_params
        mapped = map_positions(constant, table, batch) if constant.dim() == 2 else None
        if mapped is not None:
            columns = mapped.to(x)[..., None, None].expand(batch, -1, 1, 1).unbind(1)
            return dict(zip(table, columns, strict=True))
    values: dict[str, Read] = {}
    for name, param in table.items():
        value = given[name] if name in given else settings.get(name)
        if value is None:
            values[name] = x.new_full((1, 1, 1), param.default).expand(batch, 1, 1)
            continue
        is_position = is_norm and name in given
        points = value if isinstance(value, Points) else None
        value = checked(name, param, value if points is None else points.values, is_position, batch)
        if isinstance(value, Tensor) and value.dim() == 2 and value.shape[1] > 1:
            if not param.automatable:
                raise ValueError(f"{name} cannot move within a signal; give one value per item, shape (B,)")
            # A logarithm goes through an exponential, which would take the last digits of a long delay from float32.
            exact = torch.float64 if param.curve == "log" else x.dtype
            drawn = param.to_line(value.to(x.device).to(exact), is_position).expand(batch, -1)
            points = Points(drawn) if points is None else replace(points, values=drawn)
            values[name] = Line(param, points, latency.get(name, 0), sample_rate, x.dtype)
            continue
        value = param.to_physical(value) if is_position else value  # type: ignore[type-var]  # one or the other
        column = value.to(x).reshape(-1, 1, 1) if isinstance(value, Tensor) else x.new_full((1, 1, 1), value)
        values[name] = column.expand(batch, 1, 1)
    return values


def at_samples(knobs: Mapping[str, Read], n: Tensor, total: int) -> dict[str, Tensor]:
    """Knobs at samples ``n`` (F,), float64, of a signal of ``total``: (B, 1, F), and what stands still (B, 1, 1)."""
    return {name: knob if isinstance(knob, Tensor) else knob.at(n, total) for name, knob in knobs.items()}


def grid(knobs: Iterable[Read], start: int, samples: int, total: int, period: int) -> Tensor:
    """Where control points stand, for a block: (F,) int64, relative to its first sample, ascending.

    They are the multiples of ``period`` in the signal's own time, from the last before the block to the first behind
    it, and on either side of every corner of a line. A curve is read ``DENSER`` times as often instead.

    Args:
        knobs: of which those that move count.
        start: index of the first sample of the block in the signal.
        samples: of the block.
        total: of the signal.
        period: of the grid.
    """
    corners = _corners((knob for knob in knobs if not isinstance(knob, Tensor)), total, period)
    if corners is None:
        period = max(1, period // DENSER)
    first = start // period * period - start
    count = (samples - 1 - first) // period + 1
    at = torch.arange(count + 1, device="cpu") * period + first
    if corners is None or period == 1:
        return at
    after = (corners - start).ceil().long()
    if not is_traced():
        after = after[(after > first) & (after <= first + count * period)]
    return (
        torch.cat([at, (after - 1).clamp(first, first + count * period), after.clamp(first, first + count * period)])
        .sort()
        .values
    )


def joined(values: Tensor, at: Tensor, samples: int) -> Tensor:
    """Straight lines between control points: (B, C, F) to (B, C, samples)."""
    at = at.to(values.device)
    n = torch.arange(samples, device=values.device)
    left = (torch.searchsorted(at, n, right=True) - 1).clamp_max(at.shape[0] - 2)
    span = (at[left + 1] - at[left]).clamp_min(1)
    weight = ((n - at[left]) / span).to(values.dtype)
    return torch.lerp(values[..., left], values[..., left + 1], weight)


def _corners(knobs: Iterable[Moving], total: int, period: int) -> Tensor | None:
    """The corners of all; knobs that move alike count once."""
    own: dict[Any, Tensor | None] = {}
    for knob in knobs:
        alike: Any = id(knob)
        if isinstance(knob, Line):
            points = knob.points
            alike = (points.times or points.values.shape[-1], points.segments, knob.latency)
        if alike not in own:
            own[alike] = knob.corners(total, period)
    return None if any(places is None for places in own.values()) else torch.cat([*own.values()])  # type: ignore[list-item]
