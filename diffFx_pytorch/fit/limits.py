"""Knobs that a fit may not move freely: fixed, within narrower ranges, tied to others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..control import check_range, unknown_name
from ..knobs import Knobbed
from ..params import EffectParam
from ..processor import Processor
from .progress import Watch

Limit = float | str | tuple[float, float]
"""Of a knob: a number is where it stays, two are between which it moves, a name is the knob whose value it has."""


class Limited(Knobbed):
    """An effect with the knobs that are left when some are limited.

    Args:
        fx: the effect.
        limits: by name of a knob, its limit.

    Raises:
        ValueError: for unknown names, values out of range, ranges that are empty, knobs tied to ones that are not free,
            or of another unit.
    """

    def __init__(self, fx: Processor, limits: Mapping[str, Limit]) -> None:
        super().__init__()
        self.fx, self.sample_rate, self.latency_samples = fx, fx.sample_rate, fx.latency_samples
        self.fixed: dict[str, float] = {}
        self.tied: dict[str, str] = {}
        rows = dict(fx.params)
        for name, limit in limits.items():
            if name not in fx.params:
                raise ValueError(f"{type(fx).__name__}: {unknown_name(name, fx.params, 'knob in limits')}")
            row = fx.params[name]
            if isinstance(limit, str):
                if limit not in fx.params:
                    raise ValueError(f"{name}: {unknown_name(limit, fx.params, 'knob')}")
                if isinstance(limits.get(limit), (int, float, str)) or limit == name:
                    raise ValueError(f"{name} is tied to {limit}, which is not free itself; tie it to one that is")
                if fx.params[limit].unit != row.unit:
                    raise ValueError(
                        f"{name} is in {row.unit or 'no unit'} and {limit} in {fx.params[limit].unit or 'no unit'}; "
                        "knobs that are tied have one value, in one unit"
                    )
                self.tied[name] = limit
            elif isinstance(limit, (int, float)):
                check_range(name, limit, row.min_val, row.max_val, row.range_text())
                self.fixed[name] = float(limit)
            else:
                rows[name] = _narrowed(name, row, *limit)
        for name, lead in self.tied.items():
            low, high = rows[name].min_val, rows[name].max_val
            rows[lead] = _narrowed(lead, rows[lead], max(low, rows[lead].min_val), min(high, rows[lead].max_val))
        self.params = {name: row for name, row in rows.items() if name not in self.fixed and name not in self.tied}
        self.traits, self.channels = fx.traits, fx.channels

    @property
    def settings(self) -> Mapping[str, Any]:
        """Those of the effect that are left, brought into their ranges."""
        read = {n: torch.as_tensor(v) if isinstance(v, (int, float)) else v for n, v in self.fx.settings.items()}
        held = {name: value for name, value in read.items() if name in self.params}
        return {n: self.params[n].inside(v) if isinstance(v, Tensor) else v for n, v in held.items()}

    def forward(self, x: Tensor, *, norm_params: Tensor, sidechain: Tensor | None = None) -> Tensor:
        """The effect at positions (B, K) of the knobs that are left."""
        return self.fx(x, norm_params=self.expanded(norm_params), sidechain=sidechain)

    def expanded(self, positions: Tensor) -> Tensor:
        """Positions of the knobs that are left, (B, K), to those of all of the effect, (B, P)."""
        values = {n: row.to_physical(positions[:, k]) for k, (n, row) in enumerate(self.params.items())}
        columns = []
        for name, row in self.fx.params.items():
            if name in self.fixed:
                columns.append(positions.new_full((len(positions),), row.to_norm(self.fixed[name])))
            else:
                columns.append(row.to_norm(row.inside(values[self.tied.get(name, name)])))
        return torch.stack(columns, 1).to(positions.dtype)

    def begun(self, init: Any) -> Any:
        """What a fit of the effect begins at, for the knobs that are left, inside their ranges."""
        if isinstance(init, Tensor):
            values = self.fx.to_dict(self.fx.map_parameters(init))  # type: ignore[arg-type]  # flat gives flat
            return torch.stack([row.to_norm(row.inside(values[n])) for n, row in self.params.items()], 1)
        if isinstance(init, Mapping):
            for name in init:
                if name not in self.fx.params:
                    raise ValueError(f"{type(self.fx).__name__}: {unknown_name(name, self.fx.params, 'knob')}")
            return {name: self.params[name].inside(value) for name, value in init.items() if name in self.params}
        return init

    def watching(self, watch: Watch) -> Watch:
        """What a function that watches the effect is told, from what one of the knobs that are left is."""
        return lambda loss, place=None: watch(loss, None if place is None else self.expanded(place[None])[0])

    def frozen(self, names: Iterable[str]) -> Any:
        """What of frozen knobs is left."""
        if isinstance(names, Mapping):
            return {name: value for name, value in names.items() if name not in {*self.fixed, *self.tied}}
        return [name for name in names if name not in {*self.fixed, *self.tied}]


def _narrowed(name: str, row: EffectParam, low: float, high: float) -> EffectParam:
    for end in (low, high):
        check_range(name, end, row.min_val, row.max_val, row.range_text())
    if not low < high:
        raise ValueError(f"{name}: nothing lies between {low:g} and {high:g} {row.unit}".rstrip())
    return replace(row, min_val=low, max_val=high, default=min(max(row.default, low), high))
