"""The taps of a delay line in eager torch: where they lie, what they weigh, what comes back to the line from them."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from diffFx_pytorch.dsp.delay_read import tap_weights
from diffFx_pytorch.dsp.interpolation import POINTS, powers_of, split_delay, table_of_powers
from diffFx_pytorch.kernels.transforms import plain

from .delay_blocks import LONGEST, Pole, as_it_is, blocks, even_blocks
from .loop_filters import LoopFilters, over
from .still_loop import StillLoop, fits

_AT_ONCE = 6144
"""Samples for which the weights of all taps are held; fewer where they are of more than one kind."""

READ_AT_ONCE = 8192
"""Samples for which taps that stand still are read, where all that they read is there."""


class Reader:
    """Where the taps of every sample lie in a line, what they weigh, and which can be read at once.

    Where a delay stands still in a loop, one block's places serve all, and what comes back to the line is a read too:
    of what comes later. Else it is added up where it comes from, by ``scatter_add_``. Where no derivative is asked for,
    taps that move are looked up, weighed and added up in one operation, for which places and weights stand as samples,
    rows and taps, of which a block is one piece of memory.

    Args:
        delay: samples (..., T or 1); out of range it is clamped, NaN is the least: a range error would make a device
            wait, and nothing may lie outside of the line.
        interpolation: its name.
        youngest: the least delay of a tap: 1 in a loop, else 0.
        limit: the longest delay.
        pad: samples of past.
        T: samples.
        batch_shape: of the signals.
        is_plain: whether no derivative is asked for.

    Attributes:
        pad: samples of past that the line needs in front, at least as many as were asked for.
        at_once: samples for which the weights of all taps are held.
    """

    def __init__(
        self,
        delay: Tensor,
        interpolation: str,
        youngest: int,
        limit: float,
        pad: int,
        T: int,
        batch_shape: Sequence[int],
        is_plain: bool,
    ) -> None:
        self.inside = (delay >= youngest) & (delay <= limit)
        delay = torch.where(delay >= youngest, delay.double(), float(youngest)).clamp(max=limit)
        delay = delay.clamp(max=float(pad + T + POINTS[interpolation]))
        k, self._f, t = split_delay(delay, interpolation, youngest)
        self._t, self._oldest = t, (k + t).int() if pad + T < 2**29 else k + t
        self.interpolation, self.youngest, self.pad, self.T = interpolation, youngest, pad, T
        self._batch, self._rows = tuple(batch_shape), math.prod(batch_shape)
        self.stands_still = youngest > 0 and delay.shape[-1] == 1 and delay.numel() > 0
        self._held, self._line = slice(0, 0), None
        self._from: list[Tensor] = []
        self._slopes: list[tuple[slice, Tensor]] = []
        self.at_once = _AT_ONCE
        if self.stands_still:
            self.blocks = self._one_block_for_all(k - t + 1)
        elif youngest:
            self.blocks, least, most = blocks(k - t + 1, self._oldest, T)
            self.pad = max(pad, most)  # so that no tap lies outside of what there is
            self._t = None if least > 1 else t  # closer to the present there are fewer taps
        if self._t is not None and not self.stands_still and POINTS[interpolation] > 4:
            self.at_once //= 3
        if not youngest:
            self.blocks = even_blocks(self.at_once, T)
        self.longest = max((n.stop - n.start for n in self.blocks), default=1)
        self._by_sample = is_plain and delay.shape[-1] > 1
        if self._by_sample:
            self._bags, self._first = torch.empty(0), self._first_places()
            self._points = torch.arange(POINTS[interpolation], device=delay.device)

    def _first_places(self) -> Tensor:
        """Where in all lines, one behind the other, the oldest tap of a sample of a row lies (T, rows)."""
        rows, length = self._rows, self.pad + self.T
        dtype = torch.int32 if rows * length < 2**31 else torch.int64
        oldest = self._oldest.expand(*self._batch, self.T).reshape(rows, self.T).mT
        now = torch.arange(self.pad, length, device=oldest.device)[:, None]
        self._oldest = self._oldest[..., :0]
        return (now + torch.arange(0, rows * length, length, device=oldest.device) - oldest).to(dtype).contiguous()

    def _one_block_for_all(self, gap: Tensor) -> list[slice]:
        back, weight = self._oldest, tap_weights(self._f, self._t, self.interpolation)
        least, most = torch.stack([gap.amin(), back.amax()]).tolist()
        self.gap = max(1, min(least, self.T, LONGEST))
        self.pad, self._weight = max(self.pad, most), weight
        self.reach(self.gap)
        return even_blocks(self.gap, self.T)

    def reach(self, length: int) -> None:
        """Know the places of taps that stand still for blocks of so many samples."""
        self._length, self._known = length, dict[bool, Tensor]()

    def _places(self, count: int, later: bool) -> Tensor:
        """Where the taps of a block lie, or from the block on what later samples read of it (..., P, count)."""
        if later not in self._known:
            points = torch.arange(POINTS[self.interpolation], device=self._weight.device)
            back = self._oldest.unsqueeze(-2) - points[:, None]
            now = torch.arange(self._length, device=back.device)
            # A tap of no weight may lie ahead.
            ahead = now + self.pad
            self._known[later] = now + back.clamp_min(1) if later else (ahead - back).minimum(ahead - 1)
        return self._known[later][..., :count]

    def pole(self, batch_shape: tuple[int, ...], back: bool = False) -> Pole | None:
        """The pole of the all-pass interpolator; zero where it falls back to linear."""
        if self.interpolation != "allpass":
            return None
        f = self._f
        return Pole(torch.where(f < 0.5, 0.0, -(1 - f) / (1 + f)), self.longest, batch_shape, back)

    def loop(
        self, filters: LoopFilters, back: Tensor | None, saturate: bool, batch_shape: tuple[int, ...]
    ) -> StillLoop | None:
        """What works a loop that stands still with filters in it, where no derivative is asked for."""
        if back is None or not (filters.still and self.stands_still) or self.interpolation == "allpass":
            return None
        system, weight = filters.system, self._weight.squeeze(-2)
        if not (self.T and plain(*system, weight, back) and fits(system, weight, back, self.gap)):
            return None
        return StillLoop(system, weight, self._oldest[..., 0], back, saturate, self.gap, self.pad, batch_shape)

    def read(self, line: Tensor, n: slice) -> Tensor:
        """The taps' sum (..., n) in a block, of a line (..., pad + T)."""
        if self.stands_still:
            taps = _gathered(line[..., n.start :], self._places(n.stop - n.start, False))
            return (self._weight @ taps).squeeze(-2)
        index, weight = self._taps(n)
        if self._by_sample:
            return self._summed(line, index, weight)
        return (_gathered(line, index) * weight).sum(-2)

    def _summed(self, line: Tensor, index: Tensor, weight: Tensor) -> Tensor:
        """The taps' sum (..., n) of a line in one operation, from places and weights (n, rows, P)."""
        bags = self._bags[: index.shape[0] * self._rows]
        found = torch.embedding_bag(line.view(-1, 1), index.flatten(), bags, False, 0, False, weight.flatten())[0]
        return found.view(-1, *self._batch).movedim(0, -1)

    def add_later(self, into: Tensor, later: Tensor, n: slice) -> None:
        """Add to a part of the line (..., n), in place, what comes back to it from what was read there and after.

        Args:
            into: the part.
            later: what came back to all that was read, from the block on (..., at least pad).
            n: the block.
        """
        taps = _gathered(later, self._places(n.stop - n.start, True))
        weight = self._weight.expand(*taps.shape[:-2], 1, taps.shape[-2]).reshape(-1, 1, taps.shape[-2])
        _rows_of(into).baddbmm_(weight, taps.reshape(-1, *taps.shape[-2:]))

    def spread(self, into: Tensor, g: Tensor, n: slice) -> None:
        """What comes back from the sum in a block, added to the line's, in place."""
        index, weight = self._taps(n)
        if self._by_sample:
            g = g.movedim(-1, 0).reshape(-1, self._rows, 1)
            into.view(-1).scatter_add_(0, index.flatten(), (weight * g).flatten())
            return
        flat = index.expand(*into.shape[:-1], *index.shape[-2:]).flatten(-2)
        into.scatter_add_(-1, flat, (g.unsqueeze(-2) * weight).flatten(-2).expand(flat.shape))

    def _taps(self, n: slice) -> tuple[Tensor, Tensor]:
        """Index and weight (..., P, n), or (n, rows, P), of the taps of a block; made for more, ahead or behind."""
        held = self._held
        if not held.start <= n.start < n.stop <= held.stop:
            size = max(self.at_once, n.stop - n.start)
            backwards = n.start < held.start or n.stop == self.T
            starts = [block.start for block in self.blocks]  # whole blocks: none is made twice
            first = starts[bisect.bisect_left(starts, n.stop - size)] if backwards else n.start
            self._held = held = slice(first, n.stop if backwards else min(self.T, first + size))
            self._from = []  # before the next are there
            self._from = list(self._make_by_sample(held) if self._by_sample else self._make(held))
        inside = slice(n.start - held.start, n.stop - held.start)
        if self._by_sample:
            return self._from[0][inside], self._from[1][inside]
        return self._from[0][..., inside], self._from[1][..., inside]

    def _make(self, n: slice) -> tuple[Tensor, Tensor]:
        oldest, f, t = over(self._oldest, n), over(self._f, n), None if self._t is None else over(self._t, n)
        weight = tap_weights(f, t, self.interpolation)
        points = torch.arange(POINTS[self.interpolation], device=f.device)[:, None]
        now = torch.arange(n.start + self.pad, n.stop + self.pad, device=f.device)
        index = (now + points) - oldest.unsqueeze(-2)
        # Taps that lie outside of what there is weigh nothing, wherever they read.
        outside = index < 0
        index.clamp_(torch.zeros_like(now), now - self.youngest)
        weight = weight.mT.masked_fill(outside, 0.0)
        if self._line is not None:
            slope = tap_weights(f, t, self.interpolation, True)
            change = _gathered(self._line, index).mul_(slope.mT).masked_fill_(outside, 0.0)
            self._slopes.append((n, change.sum(-2)))
        return index, weight

    def _make_by_sample(self, n: slice) -> tuple[Tensor, Tensor]:
        rows, P = self._rows, POINTS[self.interpolation]
        f, t = (
            None if p is None else over(p, n).expand(*self._batch, -1).reshape(rows, -1).mT.contiguous()
            for p in (self._f, self._t)
        )
        assert f is not None
        index = self._first[n].unsqueeze(-1) + self._points
        if len(self._bags) < index.numel() // P:
            self._bags = torch.arange(0, index.numel(), P, device=f.device)
        outside = None
        if self._t is not None:
            # Taps that lie outside of what there is weigh nothing, wherever they read.
            length = self.pad + self.T
            first = torch.arange(0, rows * length, length, device=f.device)[:, None]
            newest = torch.arange(n.start, n.stop, device=f.device)[:, None, None] + (first + self.pad - self.youngest)
            outside = index < first
            index = index.maximum(first).minimum(newest)
        allpass = self.interpolation == "allpass"
        powers = None if allpass else powers_of(f, t, self.interpolation)

        def made(derivative: bool) -> Tensor:
            if powers is None:
                weight = tap_weights(f, t, self.interpolation, derivative)
            else:
                weight = powers @ table_of_powers(f, t is None, self.interpolation, derivative)
            return weight if outside is None else weight.masked_fill(outside, 0.0)

        if self._line is not None:
            self._slopes.append((n, self._summed(self._line, index, made(True).to(self._line.dtype))))
        return index, made(False)

    def learn_slopes(self, line: Tensor) -> None:
        """Remember what the gradient of the delay needs, while blocks are read from the last to the first.

        Args:
            line: (..., pad + T), before which there was silence.
        """
        self._line = line.contiguous() if self._by_sample else line

    def to_delay(self, g: Tensor, v: Tensor, before: Tensor) -> Tensor:
        """The gradient of the delay.

        Args:
            g: what comes back to the taps' sum (..., T).
            v: what was made of the sum.
            before: what v was before time zero (..., 1).
        """
        if self.stands_still and self.interpolation != "allpass":
            return self._to_still_delay(g)
        known = self.T
        if self.stands_still:
            for n in reversed(even_blocks(_AT_ONCE, self.T)):
                self._make(n)
        found = []
        for n, change in self._slopes:
            n, change = slice(n.start, known), change[..., : known - n.start]
            if self.interpolation == "allpass":
                f = over(self._f, n)
                last = v[..., n.start - 1 : n.stop - 1] if n.start else torch.cat([before, v[..., : n.stop - 1]], -1)
                change = change + last * torch.where(f < 0.5, 0.0, 2 / (1 + f) ** 2)
            change = change * g[..., n]
            found.append(change.sum(-1, keepdim=True) if self._f.shape[-1] == 1 else change)
            known = n.start
        whole = torch.cat(found[::-1], -1)
        return (whole.sum(-1, keepdim=True) if self._f.shape[-1] == 1 else whole) * self.inside

    def _to_still_delay(self, g: Tensor) -> Tensor:
        """As ``to_delay``, of taps whose weights are the same for all samples."""
        assert self._line is not None
        self.reach(READ_AT_ONCE)
        total = None
        for n in even_blocks(READ_AT_ONCE, self.T):
            taps = _gathered(self._line[..., n.start :], self._places(n.stop - n.start, False)).to(g.dtype)
            found = taps @ g[..., n].unsqueeze(-1)
            total = found if total is None else total + found
        slope = tap_weights(self._f, self._t, self.interpolation, True)
        assert total is not None
        return (slope @ total).squeeze(-1) * self.inside


def _rows_of(t: Tensor) -> Tensor:
    """A part of signals (..., n) as (R, 1, n), a view."""
    return (t if t.dim() > 1 else t[None]).flatten(0, -2).unsqueeze(1)


def _gathered(line: Tensor, index: Tensor) -> Tensor:
    """The samples of a line (..., L) at (..., P, n)."""
    shape = (*line.shape[:-1], index.shape[-2])
    line = as_it_is(line).unsqueeze(-2)
    return line.expand(*shape, line.shape[-1]).gather(-1, index.expand(*shape, index.shape[-1]))
