"""What recursions over delays share in eager torch: the blocks that can be worked at once, and poles that go along."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels.rows import broadcast_shape

from .scan import first_order_scan

PIECE = 32
"""Samples of a piece of a filter's block."""

LONGEST = 8192
"""Samples of a block at most: the products of a pole grow with the square of it."""


def cut(newest: Sequence[float]) -> list[slice]:
    """As ``blocks``, from the newest sample (T,) that any sample up to each needs, which never falls."""
    found, first, T = [], 0, len(newest)
    while first < T:
        stop = min(max(first + 1, int(np.searchsorted(newest, first))), first + LONGEST)
        found.append(slice(first, stop))
        first = stop
    return found


def blocks(gap: Tensor, T: int) -> list[slice]:
    """Pieces of 0 .. T - 1, as long as they can be, in which no sample needs another of its piece. It waits once.

    Args:
        gap: how many samples ago what a sample needs lies at the latest, whole numbers (..., T).
        T: samples.
    """
    if T == 0 or not gap.numel():
        return [slice(0, T)] if T else []
    least = gap.amin(tuple(range(gap.dim() - 1))) if gap.dim() > 1 else gap
    return cut((torch.arange(T, device=gap.device) - least).cummax(0).values.tolist())


def even_blocks(length: int, T: int) -> list[slice]:
    """Pieces of 0 .. T - 1 of one length, at most ``LONGEST``, but for the last."""
    length = max(1, min(length, LONGEST))
    return [slice(n, min(n + length, T)) for n in range(0, T, length)]


def as_it_is(line: Tensor) -> Tensor:
    """What stands in a line that is written on: a copy where a derivative will want what it was."""
    return line.clone() if torch.is_grad_enabled() and line.requires_grad else line


class Filter:
    """y[t] = C s[t-1] + D u[t], s[t] = A s[t-1] + B u[t], all constant, block by block.

    A block is four small products: pieces of ``PIECE`` samples from silence and what they leave, the states between
    them, and what these leave in the pieces.

    Args:
        A: (..., n, n).
        B: (..., n).
        C: (..., n).
        D: (...).
        longest: samples of the longest block.
    """

    def __init__(self, A: Tensor, B: Tensor, C: Tensor, D: Tensor, longest: int) -> None:
        self._system, n = (A, B, C, D), A.shape[-1]
        pieces = -(-longest // PIECE)
        powers = _powers(A, PIECE)  # A^0 .. A^PIECE
        into = (powers[..., :PIECE, :, :] @ B[..., None, :, None]).squeeze(-1)  # (..., PIECE, n)
        impulse = torch.cat([D[..., None], (into[..., :-1, :] @ C[..., None]).squeeze(-1)], -1)
        lags = torch.arange(max(PIECE, pieces + 1), device=A.device)
        lags = lags - lags[:, None]
        within = lags[:PIECE, :PIECE]
        toeplitz = torch.where(within >= 0, impulse[..., within.clamp_min(0)], 0.0)
        self._within = torch.cat([toeplitz, into.flip(-2)], -1)
        self._out = (C[..., None, None, :] @ powers[..., :PIECE, :, :]).squeeze(-2).mT  # (..., n, PIECE)
        across = lags[: pieces + 1, : pieces + 1]
        jumps = _powers(powers[..., PIECE, :, :], pieces)[..., across.clamp_min(0), :, :]
        jumps = torch.where((across >= 0)[..., None, None], jumps, 0.0)  # (..., from, to, n, n)
        self._across = jumps.transpose(-3, -1).transpose(-2, -1).flatten(-4, -3).flatten(-2)
        self._powers, self._into, self._n = powers, into.flip(-2), n

    def run(self, u: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """A block of y from that of u (..., count) and the state before it (..., n), and the state after it."""
        count, n = u.shape[-1], self._n
        pieces = -(-count // PIECE)
        whole = u if count == pieces * PIECE else torch.nn.functional.pad(u, (0, pieces * PIECE - count))
        parts = whole.unflatten(-1, (pieces, PIECE))
        found = parts @ self._within
        batch_shape = broadcast_shape(found.shape[:-2], s.shape[:-1])
        before, left = s.expand(*batch_shape, n)[..., None, :], found[..., PIECE:].expand(*batch_shape, pieces, n)
        left = torch.cat([before, left], -2).flatten(-2)
        size = (pieces + 1) * n
        starts = (left[..., None, :] @ self._across[..., :size, :size]).squeeze(-2).unflatten(-1, (pieces + 1, n))
        y = (found[..., :PIECE] + starts[..., :-1, :] @ self._out).flatten(-2)
        if count == pieces * PIECE:
            return y, starts[..., -1, :]
        rest = count - (pieces - 1) * PIECE
        end = parts[..., -1:, :rest] @ self._into[..., PIECE - rest :, :]
        end = end + starts[..., -2:-1, :] @ self._powers[..., rest, :, :].mT
        return y[..., :count], end.squeeze(-2)

    def adjoint(self, longest: int) -> Filter:
        """The filter that runs backwards in time from y to u."""
        A, B, C, D = self._system
        return Filter(A.mT, C, B, D, longest)


def _powers(A: Tensor, most: int) -> Tensor:
    """A^0 .. A^most: (..., most + 1, n, n), by doubling."""
    found = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device).expand_as(A)[..., None, :, :]
    step = A[..., None, :, :]
    while found.shape[-3] <= most:
        found = torch.cat([found, found @ step], -3)
        step = step @ step
    return found[..., : most + 1, :, :]


class Pole:
    """y[t] = c[t] y[t-1] + u[t], block by block.

    Args:
        c: (..., T or 1).
        longest: samples of the longest block.
    """

    def __init__(self, c: Tensor, longest: int) -> None:
        self._c, self._filter = c, None
        if c.shape[-1] == 1:
            one = torch.ones_like(c)
            self._filter = Filter(c[..., None], one, c, one[..., 0], longest)

    def forward(self, u: Tensor, n: slice, before: Tensor) -> Tensor:
        """The block ``n`` of y from that of u (..., n) and what y was before it (..., 1)."""
        return self._filter.run(u, before)[0] if self._filter else first_order_scan(self._c[..., n], u, before)

    def backward(self, g: Tensor, n: slice, after: Tensor) -> Tensor:
        """What comes back to u in block ``n``: l[t] = g[t] + c[t+1] l[t+1]; ``after`` is l after it (..., 1)."""
        g = g.flip(-1)
        if self._filter:
            return self._filter.run(g, after)[0].flip(-1)
        # Nothing comes back from behind the end.
        c = self._c[..., n.start + 1 : n.stop + 1]
        c = torch.nn.functional.pad(c, (0, n.stop - n.start - c.shape[-1])).flip(-1)
        return first_order_scan(c, g, after).flip(-1)

    def first(self) -> Tensor:
        """c[0], which leads back to what y was before time zero."""
        return self._c[..., :1]
