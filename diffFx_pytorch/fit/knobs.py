"""Which knobs are free in a search, and unbounded tensors for its optimiser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from ..control import KnobValue, unknown_name
from ..processor import Processor

_MARGIN = 0.01
"""Free knobs begin at least this far inside [0, 1]: at the very ends a sigmoid has no gradient."""


class FreeKnobs(nn.Module):
    """Which knobs of an effect are free, and the positions of the others: free positions in, all positions out.

    Args:
        fx: the effect.
        frozen: names of the knobs that stay at their position in ``rest``; or a dict of name to value in its unit.
        free: names of the knobs that move, instead of ``frozen``; all others are then frozen. Where it is not said,
            all move that are neither frozen nor ``unsearched``.
        rest: positions (1, P) or (B, P) of the knobs that stay; None is where the effect holds them.

    Shape:
        free positions (B, K) in [0, 1] to ``norm_params`` (B, P); (B, K, F), of knobs that move, to (B, P, F).

    Raises:
        ValueError: for unknown names, values out of range, or names that are both free and frozen.
    """

    index: Tensor
    rest: Tensor

    def __init__(
        self,
        fx: Processor,
        frozen: Iterable[str] | Mapping[str, float] = (),
        free: Iterable[str] | None = None,
        rest: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(fx).__name__
        values = dict(frozen) if isinstance(frozen, Mapping) else {}
        constant = set(frozen)
        moved = set(fx.params) - constant - unsearched(fx) if free is None else set(free)
        for knob in [*constant, *moved]:
            if knob not in fx.params:
                raise ValueError(f"{name}: {unknown_name(knob, fx.params, 'knob')}")
        if both := moved & constant:
            raise ValueError(f"{name}: {', '.join(sorted(both))} cannot be both free and frozen")
        self.names = [knob for knob in fx.params if knob in moved]
        rest = (positions_of(fx, {}) if rest is None else rest.detach()).float().clone()
        for knob in values:
            index = fx.param_names.index(knob)
            rest[:, index] = positions_of(fx, {knob: values[knob]})[0, index].to(rest)
        self.register_buffer("index", torch.tensor([fx.param_names.index(n) for n in self.names], dtype=torch.long))
        self.register_buffer("rest", rest)

    def forward(self, positions: Tensor) -> Tensor:
        """Positions of the free knobs among those of the frozen ones."""
        rest = self.rest.to(positions).expand(positions.shape[0], -1)
        if positions.dim() == 3:
            rest = rest[..., None].expand(-1, -1, positions.shape[-1])
        return rest.index_copy(1, self.index, positions)


class Search(nn.Module):
    """Many settings of an effect, searched side by side: positions sigma(logits), which no step takes out of (0, 1).

    Args:
        fx: the effect.
        batch: number of settings side by side, B.
        init: initial values: "default", "random" (uniform positions), a dict of values in their units
            (numbers or (B,) tensors; names left out take defaults) or positions (B, P) or (1, P). A knob at an
            end of its range begins a hundredth inside it.
        frozen: names of knobs that stay at their value in ``init``, or a dict of name to value in its unit.
        free: names of the knobs that move, instead of ``frozen``.
        generator: of the random numbers.

    Shape:
        ``forward()`` gives ``norm_params`` (B, P).

    Raises:
        ValueError: for unknown names, values out of range or positions of the wrong shape.
    """

    def __init__(
        self,
        fx: Processor,
        batch: int = 1,
        init: Literal["default", "random"] | Mapping[str, KnobValue] | Tensor = "default",
        frozen: Iterable[str] | Mapping[str, float] = (),
        free: Iterable[str] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        start = start_positions(fx, batch, init, generator)
        self.free = FreeKnobs(fx, frozen, free, start)
        self._fx = (fx,)  # in a tuple: the effect is read here, not owned
        self.logits = nn.Parameter(torch.logit(inside(start[:, self.free.index].float())))

    def forward(self) -> Tensor:
        """Positions of all knobs, frozen ones included: (B, P)."""
        return self.free(torch.sigmoid(self.logits))

    def values(self) -> dict[str, Tensor]:
        """Values of all knobs in their units, (B,) each, without gradient."""
        with torch.no_grad():
            (fx,) = self._fx
            return fx.to_dict(fx.map_parameters(self()))  # type: ignore[arg-type]  # flat gives flat


def inside(positions: Tensor) -> Tensor:
    """Positions at least a hundredth inside [0, 1], where a sigmoid has a gradient."""
    return positions.clamp(_MARGIN, 1 - _MARGIN)


def unsearched(fx: Processor) -> set[str]:
    """Knobs that stay as they are set where nobody names them."""
    return {name for name, param in fx.params.items() if param.search == "none"}


def start_positions(
    fx: Processor,
    batch: int,
    init: Literal["default", "random"] | Mapping[str, KnobValue] | Tensor,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Initial positions (batch, P); ``init`` as for ``Search``."""
    name = type(fx).__name__
    if isinstance(init, Tensor):
        if init.dim() != 2 or init.shape[0] not in (1, batch) or init.shape[1] != len(fx.params):
            raise ValueError(
                f"{name}: init must be positions (1 or {batch}, {len(fx.params)}), got shape {tuple(init.shape)}"
            )
        return init.detach().expand(batch, -1)
    if isinstance(init, Mapping):
        return positions_of(fx, init).expand(batch, -1)
    if init == "random":
        drawn, held = fx.random_params(batch, generator), positions_of(fx, {})
        still = torch.tensor([name in unsearched(fx) for name in fx.params])
        return torch.where(still, held.to(drawn), drawn)
    if init != "default":
        raise ValueError(f"{name}: init must be 'default', 'random', a dict or a tensor, got {init!r}")
    return positions_of(fx, {}).expand(batch, -1)


def several_starts(
    fx: Processor,
    starts: int,
    init: Literal["default", "random"] | Mapping[str, KnobValue] | Tensor,
    frozen: Iterable[str] | Mapping[str, float],
    seed: int,
) -> Tensor:
    """Make so many initial settings (S, P), the first at ``init``, the others at random; a tensor is all of them."""
    generator = torch.Generator().manual_seed(seed)
    if isinstance(init, Tensor):
        return FreeKnobs(fx, frozen, rest=init).rest
    first = start_positions(fx, 1, init, generator)
    free = FreeKnobs(fx, frozen, rest=first)
    others = free(fx.random_params(max(0, starts - 1), generator)[:, free.index])
    return torch.cat([free.rest, others])


def positions_of(fx: Processor, values: Mapping[str, KnobValue]) -> Tensor:
    """Positions (1, P) or (B, P), float64, of values in their units; names left out are where the effect holds them."""
    return fx.demap_parameters(fx.to_flat(values).double())  # type: ignore[return-value]  # flat gives flat
