"""The low-pass and the high-pass in the loop of a delay line, block by block, over whole signals, and backwards."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .block import Blocks, run_blocks, run_blocks_adjoint, state_space_blocks
from .delay_blocks import LONGEST, Filter, Pole, even_blocks
from .groups import Groups


def over(p: Tensor, n: slice) -> Tensor:
    """A parameter (..., T or 1) in a block."""
    return p if p.shape[-1] == 1 else p[..., n]


def _system(lowpass: Tensor | None, highpass: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The filters in the loop, (..., 1) each, as one: A (..., n, n), B (..., n), C (..., n), D (...)."""
    if highpass is None or lowpass is None:
        c = highpass if lowpass is None else lowpass
        assert c is not None
        return c[..., None], 1 - c, *((c, 1 - c[..., 0]) if highpass is None else (-c, c[..., 0]))
    low, high = torch.broadcast_tensors(lowpass, highpass)
    A = torch.cat([low, torch.zeros_like(low), (1 - high) * low, high], -1).unflatten(-1, (2, 2))
    B = torch.cat([1 - low, (1 - high) * (1 - low)], -1)
    return A, B, torch.cat([high * low, -high], -1), (high * (1 - low))[..., 0]


class LoopFilters:
    """The low-pass and the high-pass of the loop; where both stand still, as one filter."""

    def __init__(
        self,
        lowpass: Tensor | None,
        highpass: Tensor | None,
        longest: int,
        batch_shape: tuple[int, ...],
        back: bool = False,
    ) -> None:
        low, high = (None if c is None else c.double() for c in (lowpass, highpass))
        self.given = [c for c in (low, high) if c is not None]
        self._back = back
        self.still = bool(self.given) and all(c.shape[-1] == 1 for c in self.given)
        self._own = [i for i, c in enumerate((low, high)) if c is not None]
        self._poles: list[tuple[Tensor, Pole] | None] = []
        if self.still:
            self.system = _system(low, high)
            self._longest, self._batch_shape = longest, batch_shape
        elif self.given:
            self._poles = [None if c is None else (1 - c, Pole(c, longest, batch_shape, back)) for c in (low, high)]

    @functools.cached_property
    def _filter(self) -> Filter:
        return Filter(*self.system, self._longest, self._batch_shape, self._back)

    def forget(self) -> None:
        """Let go of the matrices, after the last block."""
        self.__dict__.pop("_filter", None)
        self._poles = []

    def begin(self, states: Tensor) -> Any:
        """The states (..., 2) as ``run`` takes them."""
        return states.narrow(-1, self._own[0], 1) if self.still and len(self._own) == 1 else states

    def end(self, found: Any, states: Tensor) -> Tensor:
        """The states, those of filters that there are not as they were."""
        if found.shape[-1] == 2:
            return found
        return torch.cat([found if i in self._own else states[..., i : i + 1] for i in range(2)], -1)

    def run(self, u: Tensor, s: Tensor, n: slice, onto: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """A block (..., n) filtered, and the states after it; or what comes back, and to the states before it.

        ``onto`` is as of `Filter.run`, and there are as many zeros as states.
        """
        if self.still:
            return self._filter.run(u, s, onto)
        low, high = self._poles
        states = list(s.split(1, -1))
        if self._back:
            if high is not None:
                found, states[1] = high[1].run(-u, states[1], n)
                u = torch.addcmul(u, over(high[0], n), found)
            if low is not None:
                found, states[0] = low[1].run(u, states[0], n)
                u = over(low[0], n) * found
            return u if onto is None else u + onto[..., 2:], torch.cat(states, -1)
        if low is not None:
            u, states[0] = low[1].run(over(low[0], n) * u, states[0], n)
        if high is not None:
            below, states[1] = high[1].run(over(high[0], n) * u, states[1], n)
            u = u - below
        return u, torch.cat(states, -1)


def _filtered(v: Tensor, lowpass: Tensor | None, highpass: Tensor | None, before: Tensor) -> tuple[Tensor, Tensor]:
    """What the filters in the loop make of the whole tap, and their last states (..., 2)."""
    filters, pieces = LoopFilters(lowpass, highpass, LONGEST, tuple(v.shape[:-1])), []
    state = filters.begin(before)
    for n in even_blocks(LONGEST, v.shape[-1]):
        found, state = filters.run(v[..., n], state, n)
        pieces.append(found)
    return torch.cat(pieces, -1) if pieces else v, filters.end(state, before)


class WholeLoopFilters:
    """The filters in the loop over whole signals, and the gradients of their coefficients."""

    def __init__(
        self, filters: LoopFilters, given: tuple[Tensor | None, Tensor | None], before: Tensor, needs: Sequence[bool]
    ) -> None:
        self._filters, self._given, self._before = filters, given, before
        self._wanted = [i for i, (c, need) in enumerate(zip(given, needs, strict=True)) if c is not None and need]
        self._design: tuple[Blocks, Any] | None = None

    def _designed(self, v: Tensor, given: Sequence[Tensor | None]) -> Blocks:
        A, B, C, D = _system(*[None if c is None else c.double() for c in given])
        groups = Groups(v.shape[:-1], A, 2)
        A, B, C, D = (groups.sets(t) for t in (A, B[..., None], C[..., None], D[..., None, None]))
        unit = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
        return state_space_blocks(A - unit, B.squeeze(-1), C.squeeze(-1), D.flatten(), v.shape[-1])

    def _groups(self, v: Tensor) -> tuple[Groups, Tensor]:
        start = self._filters.begin(self._before)
        shape = torch.broadcast_shapes(*(c.shape[:-1] for c in self._filters.given))
        groups = Groups(v.shape[:-1], start.new_empty(()).expand(*shape, 1, 1), 2)
        return groups, groups.rows(start, 1)

    def run(self, v: Tensor) -> Tensor:
        """The output of a tap v (..., T)."""
        if not self._filters.given or not v.numel():
            return v
        if not self._filters.still:
            return _filtered(v.double(), *self._given, self._before)[0]
        groups, start = self._groups(v)
        return groups.apart(run_blocks(groups.rows(v, 1), self._designs(v)[0], start)[0])

    def _designs(self, v: Tensor) -> tuple[Blocks, Any]:
        """The matrices of filters that stand still, and what takes their gradients to the coefficients'."""
        if self._design is None:
            matrices, pull = self._with_given(lambda full: tuple(self._designed(v, full)))
            self._design = Blocks(*matrices), pull
        return self._design

    def _with_given(self, function: Any) -> Any:
        def of_wanted(*wanted: Tensor) -> Any:
            full = list(self._given)
            for i, c in zip(self._wanted, wanted, strict=True):
                full[i] = c
            return function(full)

        given: list[Any] = [self._given[i] for i in self._wanted]
        return torch.func.vjp(of_wanted, *given)[:2] if given else (of_wanted(), None)

    def gradients(self, v: Tensor, g: Tensor, g_end: Tensor) -> list[Tensor | None]:
        """Of both coefficients where they are needed, by the gradients of output (..., T) and last states (..., 2)."""
        found: list[Tensor | None] = [None, None]
        if not self._wanted:
            return found
        if self._filters.still:
            (groups, start), (blocks, pull) = self._groups(v), self._designs(v)
            g_end = groups.rows(self._filters.begin(g_end), 1)
            g = groups.rows(g.to(v.dtype), 1)
            pulled = pull(
                tuple(run_blocks_adjoint(g, g_end, groups.rows(v, 1), blocks, start, True, of_x=False)[1] or ())
            )
        else:
            pull = self._with_given(lambda full: _filtered(v.double(), full[0], full[1], self._before))[1]
            pulled = pull((g, g_end))
        for i, gradient in zip(self._wanted, pulled, strict=True):
            found[i] = gradient
        return found
