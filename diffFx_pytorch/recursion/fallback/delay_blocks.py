"""What recursions over delays share in eager torch: the blocks that can be worked at once, and poles that go along."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels.transforms import plain

from .block import state_space_blocks
from .groups import Groups
from .scan import first_order_scan

PIECE = 64
"""Samples of a piece of a filter's block, and what long blocks are whole numbers of."""

LARGEST = 1 << 22
"""Numbers in the matrices of all filters of a loop, up to which a block is one product."""

LONGEST = 8192
"""Samples of a block at most: the products of a pole grow with the square of it."""


def cut(newest: Sequence[float]) -> list[slice]:
    """As ``blocks``, from the newest sample (T,) that any sample up to each needs, which never falls."""
    found, first, T = [], 0, len(newest)
    while first < T:
        stop = max(first + 1, int(np.searchsorted(newest, first)))
        stop = stop if stop >= T and T - first <= LONGEST else first + evened(stop - first, 24)
        found.append(slice(first, stop))
        first = stop
    return found


def evened(length: int, parts: int = PIECE) -> int:
    """A length of which there are few, a little below, by so many parts at most: filters keep what they need for each.

    From 512 samples on it is a whole number of pieces.
    """
    unit = PIECE if length >= 8 * PIECE else 1 << max(0, (length // parts).bit_length() - 1)
    return min(length, LONGEST) // unit * unit


def blocks(gap: Tensor, reach: Tensor, T: int) -> tuple[list[slice], int, int]:
    """Pieces of 0 .. T - 1, as long as they can be, in which no sample needs another of its piece. It waits once.

    Args:
        gap: how many samples ago what a sample needs lies at the latest, whole numbers (..., T).
        reach: how many samples ago it lies at the earliest, likewise.
        T: samples.

    Returns:
        The pieces, the least gap and the longest reach.
    """
    if T == 0 or not gap.numel():
        return ([slice(0, T)] if T else []), 1, 1
    least = gap.amin(tuple(range(gap.dim() - 1))) if gap.dim() > 1 else gap
    newest = (torch.arange(T, device=gap.device) - least).cummax(0).values
    *found, lowest, most = torch.cat([newest, least.amin()[None], reach.amax()[None]]).tolist()
    return cut(found), lowest, most


def even_blocks(length: int, T: int) -> list[slice]:
    """Pieces of 0 .. T - 1 of one length, at most ``LONGEST``, but for the last."""
    length = T if min(length, LONGEST) >= T else evened(max(1, length))
    length = max(1, length)
    return [slice(n, min(n + length, T)) for n in range(0, T, length)]


def as_it_is(line: Tensor, *by: Tensor | None) -> Tensor:
    """What stands in a line that is written on: a copy where its derivative, or that of ``by``, will want what it was.

    Args:
        line: a part of it.
        by: what it is multiplied by.
    """
    return line if plain(line, *by) else line.clone()


class Filter:
    """y[t] = C s[t-1] + D u[t], s[t] = A s[t-1] + B u[t], all constant, a block of a loop at a time.

    A short block is one product with the matrices of `block`, and what the state adds. Where their squares would take
    too much memory a block is cut into pieces: products over each from silence, the states between them, and what
    these add.

    Args:
        A: (..., n, n).
        B: (..., n).
        C: (..., n).
        D: (...).
        longest: samples of the longest block.
        batch_shape: of the signals, to which those before the states broadcast.
        back: whether gradients are to go from y back to u, and from the state after a block to the one before.
    """

    def __init__(
        self,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        longest: int,
        batch_shape: Sequence[int],
        back: bool = False,
    ) -> None:
        self._groups = Groups(batch_shape, A, 2)
        A, B, C, D = (self._groups.sets(t) for t in (A, B[..., None], C[..., None], D[..., None, None]))
        unit = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
        self._n, self._most, self._squares, self._is_back = A.shape[-1], longest, [A], back
        self._length = L = longest if self._groups.Q * longest**2 <= LARGEST else min(PIECE, longest)
        response, self._free, self._driven, self._step, *_ = state_space_blocks(
            A - unit, B.squeeze(-1), C.squeeze(-1), D.flatten(), L, L
        )
        # (Q, L, L + n), of which shorter blocks take the end; backwards (Q, L, n + L), of which they take the first.
        parts = (self._free, response) if back else (response.mT, self._driven.mT)
        self._matrix, self._carried = torch.cat(parts, -1), dict[int, Tensor]()

    def run(self, u: Tensor, s: Tensor, onto: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """A block of y from that of u (..., count) and the state before it (..., n), and the state after; or back.

        Backwards, y is added to what follows n zeros in ``onto`` (..., n + count).
        """
        u, s = self._groups.rows(u, 1), self._groups.rows(s, 1)
        if self._is_back:
            y, s = self._backwards(u, s, None if onto is None else self._groups.rows(onto, 1))
        else:
            y, s = self._ahead(u, s)
        return self._groups.apart(y), self._groups.apart(s)

    def _ahead(self, u: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        (Q, P, count), L, n = u.shape, self._length, self._n
        if count <= L:
            found = torch.baddbmm(torch.bmm(s, self._carry(count)), u, self._matrix[:, L - count :, L - count :])
            return found[..., :count], found[..., count:]
        pieces, rest = divmod(count, L)
        if rest:
            (first, s), rest = self._ahead(u[..., :-rest], s), u[..., -rest:]
            last, s = self._ahead(rest, s)
            return torch.cat([first, last], -1), s
        found = torch.bmm(u.reshape(Q, P * pieces, L), self._matrix)
        left = torch.cat([s.unsqueeze(2), found[..., L:].unflatten(1, (P, pieces))], 2).flatten(2)
        starts = torch.bmm(left, self._across[:, : left.shape[-1], : left.shape[-1]])
        before = starts[..., :-n].reshape(Q, P * pieces, n)
        return torch.baddbmm(found[..., :L], before, self._free.mT).view(Q, P, count), starts[..., -n:]

    def _backwards(self, g: Tensor, s: Tensor, onto: Tensor | None = None) -> tuple[Tensor, Tensor]:
        (Q, P, count), L, n = g.shape, self._length, self._n
        if count <= L:
            carry = self._carry(count)
            carried = torch.bmm(s, carry) if onto is None else torch.baddbmm(onto, s, carry)
            found = torch.baddbmm(carried, g, self._matrix[:, :count, : n + count])
            return found[..., n:], found[..., :n]
        if onto is not None:
            found, s = self._backwards(g, s)
            return found + onto[..., n:], s
        pieces, rest = divmod(count, L)
        if rest:
            last, s = self._backwards(g[..., -rest:], s)
            first, s = self._backwards(g[..., :-rest], s)
            return torch.cat([first, last], -1), s
        found = torch.bmm(g.reshape(Q, P * pieces, L), self._matrix)
        left = torch.cat([found[..., :n].unflatten(1, (P, pieces)), s.unsqueeze(2)], 2).flatten(2)
        starts = torch.bmm(left, self._across[:, : left.shape[-1], : left.shape[-1]])
        after = starts[..., n:].reshape(Q, P * pieces, n)
        return torch.baddbmm(found[..., n:], after, self._driven).view(Q, P, count), starts[..., :n]

    def _carry(self, count: int) -> Tensor:
        """What a state adds to a block and to the state behind it (Q, n, count + n), or backwards (Q, n, n + count)."""
        if count not in self._carried:
            power = self._power(count)
            ahead, back = (self._free[:, :count].mT, power.mT), (power, self._driven[..., self._length - count :])
            self._carried[count] = torch.cat(back if self._is_back else ahead, -1)
        return self._carried[count]

    def _power(self, count: int) -> Tensor:
        """A^count."""
        found = self._step if count == self._length else None
        for bit in range(count.bit_length() if found is None else 0):
            if bit == len(self._squares):
                self._squares.append(self._squares[-1] @ self._squares[-1])
            if count >> bit & 1:
                found = self._squares[bit] if found is None else found @ self._squares[bit]
        assert found is not None
        return found

    @functools.cached_property
    def _across(self) -> Tensor:
        """States at the borders of pieces from what was left there, powers of A^L (Q, borders n, borders n)."""
        pieces = self._most // self._length
        lags = torch.arange(pieces + 1, device=self._step.device)
        lags = lags[:, None] - lags if self._is_back else lags - lags[:, None]
        jumps = powers(self._step, pieces)[:, lags.clamp_min(0)]  # (Q, from, to, n, n)
        jumps = torch.where((lags >= 0)[..., None, None], jumps, 0.0)
        jumps = jumps.permute(0, 1, 3, 2, 4) if self._is_back else jumps.permute(0, 1, 4, 2, 3)
        return jumps.flatten(3).flatten(1, 2)


def powers(A: Tensor, most: int) -> Tensor:
    """A^0 .. A^most: (..., most + 1, n, n), by doubling."""
    found = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device).expand_as(A)[..., None, :, :]
    step = A[..., None, :, :]
    while 2 * found.shape[-3] <= most:
        found = torch.cat([found, found @ step], -3)
        step = step @ step
    return torch.cat([found, found[..., : most + 1 - found.shape[-3], :, :] @ step], -3)


class Pole:
    """y[t] = c[t] y[t-1] + u[t], block by block.

    Args:
        c: (..., T or 1).
        longest: samples of the longest block.
        batch_shape: of the signals.
        back: as of `Filter`.
    """

    def __init__(self, c: Tensor, longest: int, batch_shape: Sequence[int], back: bool = False) -> None:
        self._c, self._filter, self._back = c, None, back
        if c.shape[-1] == 1:
            one = torch.ones_like(c)
            self._filter = Filter(c[..., None], one, c, one[..., 0], longest, batch_shape, back)

    def run(self, u: Tensor, s: Tensor, n: slice) -> tuple[Tensor, Tensor]:
        """The block ``n`` of y from that of u (..., n), and y before it (..., 1), and y at its end; or back."""
        if self._filter:
            return self._filter.run(u, s)
        c = self._c[..., n]
        if not self._back:
            y = first_order_scan(c, u, s)
            return y, y[..., -1:]
        g = u.flip(-1)
        g = torch.cat([g[..., :1] + s, g[..., 1:]], -1)
        later = torch.nn.functional.pad(c[..., 1:], (0, 1)).flip(-1)
        found = first_order_scan(later, g, torch.zeros_like(s)).flip(-1)
        return found, c[..., :1] * found[..., :1]
