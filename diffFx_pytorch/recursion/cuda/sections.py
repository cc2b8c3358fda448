"""Second-order sections in series, constant or moving, as scans over 2 x 2 matrices, and their adjoint.

As in `first_order`: chunks run side by side, each as the map s + D s + v of its two states, in float64 between chunks.
Where D is computed from g and r of a state variable filter, its small numbers keep their precision in float32 (-124 dB
for 20 Hz and poles of 0.9999, where products of plain matrices stand at -90). Companion matrices do not (+22 dB): those
of biquads are scanned in float64.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.kernels.cuda import Rows, countable, shared_rows

from . import chunks
from .first_order import last_of
from .joins import joined_points, store_parts, to_points
from .section_steps import adjoint_map, forward_map, of_section, sample, sample_adjoint, then

STATES = 64
"""Chunks whose states are scanned at once."""
LAUNCH = {"num_warps": 4, "enable_fp_fusion": True}
WIDE = {"num_warps": 8, "enable_fp_fusion": True}
"""Of scans in float64, which take twice the registers."""
WIDEST = {"num_warps": 16, "enable_fp_fusion": True}
"""Of two of them at once for state variable filters; biquads have fewer numbers."""


@triton.jit
def _place(NC, T, L: tl.constexpr, BEFORE: tl.constexpr):
    """Row, chunk, the times of its samples shifted by BEFORE (-1, 0 or 1), and which of them the chunk has."""
    row, chunk = (tl.program_id(0) // NC).to(tl.int64), tl.program_id(0) % NC
    i = tl.arange(0, L) + BEFORE
    t = chunk * L + i
    return row, chunk, t, (i >= 0) & (i < L) & (t < T)


@triton.jit
def _scanned(
    x, c, k, T, K, NC, BACK: tl.constexpr, BEFORE: tl.constexpr, MOVING: tl.constexpr, BIQUAD: tl.constexpr,
    SCAN: tl.constexpr, L: tl.constexpr,
):  # fmt: skip
    """The maps from the chunk's beginning up to each sample, or backwards from its end down to each."""
    row, _, t, inside = _place(NC, T, L, BEFORE)
    v = tl.load(x.base + (row // x.each % x.count) * T + t, mask=inside, other=0.0).to(SCAN)
    c0, c1, c2, c3, c4, _ = of_section(c, row, k, t, inside, T, K, MOVING, BIQUAD, SCAN)
    if BACK:
        parts = adjoint_map(v, c0, c1, c2, c3, c4, inside, BIQUAD)
    else:
        parts = forward_map(v, c0, c1, c2, c3, c4, inside, BIQUAD)
    return tl.associative_scan(parts, 0, then, reverse=BACK)


@triton.jit
def _maps(
    x, c, e_ptr, k, T, K, NC, R, BACK: tl.constexpr, MOVING: tl.constexpr, BIQUAD: tl.constexpr, SCAN: tl.constexpr,
    L: tl.constexpr,
):  # fmt: skip
    """The map of every chunk: six numbers (6, R, NC)."""
    a, b, d, e, u, v = _scanned(x, c, k, T, K, NC, BACK, 0, MOVING, BIQUAD, SCAN, L)
    i = tl.arange(0, L)
    whole = i == (0 if BACK else L - 1)
    at = e_ptr + (tl.program_id(0) // NC).to(tl.int64) * NC + tl.program_id(0) % NC + 0 * i  # one lane stores
    stride = tl.full((), 1, tl.int64) * R * NC
    tl.store(at, a, mask=whole)
    tl.store(at + stride, b, mask=whole)
    tl.store(at + 2 * stride, d, mask=whole)
    tl.store(at + 3 * stride, e, mask=whole)
    tl.store(at + 4 * stride, u, mask=whole)
    tl.store(at + 5 * stride, v, mask=whole)


@triton.jit
def _carry(e_ptr, start, s_ptr, k, K, NC, R, BACK: tl.constexpr, L: tl.constexpr):
    """The states (R, K, NC, 2) of section k before each chunk, or backwards their adjoint after each."""
    row = tl.program_id(0).to(tl.int64)
    given = start.base + ((row // start.each % start.count) * K + k) * 2
    s1, s2 = tl.load(given).to(tl.float64), tl.load(given + 1).to(tl.float64)
    stride = tl.full((), 1, tl.int64) * R * NC
    for first in range(0, NC, L):
        i = first + tl.arange(0, L)
        before = (i > 0) & (i < NC)
        e = e_ptr + row * NC + (NC - i if BACK else i - 1)
        a11 = tl.load(e, mask=before, other=0.0).to(tl.float64)
        a12 = tl.load(e + stride, mask=before, other=0.0).to(tl.float64)
        a21 = tl.load(e + 2 * stride, mask=before, other=0.0).to(tl.float64)
        a22 = tl.load(e + 3 * stride, mask=before, other=0.0).to(tl.float64)
        u1 = tl.load(e + 4 * stride, mask=before, other=0.0).to(tl.float64)
        u2 = tl.load(e + 5 * stride, mask=before, other=0.0).to(tl.float64)
        a11, a12, a21, a22, u1, u2 = tl.associative_scan((a11, a12, a21, a22, u1, u2), 0, then)
        n1, n2 = s1 + (a11 * s1 + a12 * s2) + u1, s2 + (a21 * s1 + a22 * s2) + u2
        at = s_ptr + ((row * K + k) * NC + (NC - 1 - i if BACK else i)) * 2
        tl.store(at, n1, mask=i < NC)
        tl.store(at + 1, n2, mask=i < NC)
        s1, s2 = last_of(n1, L), last_of(n2, L)


@triton.jit
def _states(
    x, c, s_ptr, k, T, K, NC, BACK: tl.constexpr, MOVING: tl.constexpr, BIQUAD: tl.constexpr, SCAN: tl.constexpr,
    L: tl.constexpr,
):  # fmt: skip
    """The states before each sample of a chunk, or backwards their adjoint after each."""
    a11, a12, a21, a22, u1, u2 = _scanned(x, c, k, T, K, NC, BACK, 1 if BACK else -1, MOVING, BIQUAD, SCAN, L)
    row, chunk = (tl.program_id(0) // NC).to(tl.int64), tl.program_id(0) % NC
    at = s_ptr + ((row * K + k) * NC + chunk) * 2
    s1, s2 = tl.load(at).to(SCAN), tl.load(at + 1).to(SCAN)
    return s1 + ((a11 * s1 + a12 * s2) + u1), s2 + ((a21 * s1 + a22 * s2) + u2)


@triton.jit
def _apply(
    x, c, s_ptr, y_ptr, end_ptr, k, T, K, NC, MOVING: tl.constexpr, BIQUAD: tl.constexpr, SCAN: tl.constexpr,
    L: tl.constexpr,
):  # fmt: skip
    """The output of section k, and its states (R, K, 2) after the last sample."""
    s1, s2 = _states(x, c, s_ptr, k, T, K, NC, False, MOVING, BIQUAD, SCAN, L)
    row, _, t, inside = _place(NC, T, L, 0)
    v = tl.load(x.base + (row // x.each % x.count) * T + t, mask=inside, other=0.0).to(SCAN)
    c0, c1, c2, c3, c4, _ = of_section(c, row, k, t, inside, T, K, MOVING, BIQUAD, SCAN)
    y, n1, n2 = sample(v, s1, s2, c0, c1, c2, c3, c4, BIQUAD)
    tl.store(y_ptr + row * T + t, y, mask=inside)
    end = end_ptr + (row * K + k) * 2 + 0 * t
    tl.store(end, n1.to(tl.float64), mask=t == T - 1)
    tl.store(end + 1, n2.to(tl.float64), mask=t == T - 1)


@triton.jit
def _sum(values, inside):
    return tl.sum(tl.where(inside, values, 0).to(tl.float64), 0)


@triton.jit
def _store_six(at, g0, g1, g2, g3, g4, g5, inside, BIQUAD: tl.constexpr):
    """Gradients of a section's five or six numbers."""
    tl.store(at, g0, mask=inside)
    tl.store(at + 1, g1, mask=inside)
    tl.store(at + 2, g2, mask=inside)
    tl.store(at + 3, g3, mask=inside)
    tl.store(at + 4, g4, mask=inside)
    if BIQUAD:
        tl.store(at + 5, g5, mask=inside)


@triton.jit
def _gradient(
    x, gy, c, s_ptr, l_ptr, to, k, T, K, NC, COEF: tl.constexpr, MOVING: tl.constexpr, BIQUAD: tl.constexpr,
    SCAN: tl.constexpr, L: tl.constexpr,
):  # fmt: skip
    """Gradients of what section k is given, from its states before the chunks and their adjoint after them.

    That of constant coefficients is a sum for each chunk.
    """
    l1, l2 = _states(gy, c, l_ptr, k, T, K, NC, True, MOVING, BIQUAD, SCAN, L)
    row, chunk, t, inside = _place(NC, T, L, 0)
    g = tl.load(gy.base + (row // gy.each % gy.count) * T + t, mask=inside, other=0.0).to(SCAN)
    if COEF:
        s1, s2 = _states(x, c, s_ptr, k, T, K, NC, False, MOVING, BIQUAD, SCAN, L)
        v = tl.load(x.base + (row // x.each % x.count) * T + t, mask=inside, other=0.0).to(SCAN)
    else:
        s1, s2, v = g, g, g
    c0, c1, c2, c3, c4, a0 = of_section(c, row, k, t, inside, T, K, MOVING, BIQUAD, SCAN)
    gx, z1, z2, g0, g1, g2, g3, g4, g5 = sample_adjoint(v, s1, s2, g, l1, l2, c0, c1, c2, c3, c4, a0, BIQUAD)
    tl.store(to.x + row * T + t, gx, mask=inside)
    start = to.zi + (row * K + k) * 2 + 0 * t
    tl.store(start, z1.to(tl.float64), mask=t == 0)
    tl.store(start + 1, z2.to(tl.float64), mask=t == 0)
    if COEF:
        if MOVING == 2:
            store_parts(to.coef, c, row, k, 0, g0, t, inside, chunk, T, K, NC, SCAN, L)
            store_parts(to.coef, c, row, k, 1, g1, t, inside, chunk, T, K, NC, SCAN, L)
            store_parts(to.coef, c, row, k, 2, g2, t, inside, chunk, T, K, NC, SCAN, L)
            store_parts(to.coef, c, row, k, 3, g3, t, inside, chunk, T, K, NC, SCAN, L)
            store_parts(to.coef, c, row, k, 4, g4, t, inside, chunk, T, K, NC, SCAN, L)
        elif MOVING:
            at = to.coef + ((row * T + t) * K + k) * (6 if BIQUAD else 5)
            _store_six(at, g0, g1, g2, g3, g4, g5, inside, BIQUAD)
        else:
            at = to.coef + ((row * NC + chunk) * K + k) * (6 if BIQUAD else 5)
            _store_six(at, _sum(g0, inside), _sum(g1, inside), _sum(g2, inside), _sum(g3, inside),
                       _sum(g4, inside), _sum(g5, inside), True, BIQUAD)  # fmt: skip


class _Given(NamedTuple):
    """Where a gradient goes."""

    x: Tensor
    zi: Tensor
    coef: Tensor


class _Cascade:
    """A call: its sizes, and its coefficients as rows."""

    def __init__(self, batch_shape: tuple[int, ...], x: Tensor, coef: Tensor, samples: int, at: Tensor | None) -> None:
        self.batch_shape, self.K, self.T = batch_shape, coef.shape[-2], samples
        self.rows, self.chunks, self.like = math.prod(batch_shape), triton.cdiv(samples, chunks.SECTIONS), x
        if at is None:
            self.c, moving = shared_rows(coef, 3, batch_shape), int(coef.shape[-3] != 1)
        else:
            self.c, moving = joined_points(coef, at, samples, batch_shape), 2
        biquad = coef.shape[-1] == 6
        wide = biquad or x.dtype == torch.float64
        self.about = {
            **{"T": samples, "K": self.K, "NC": self.chunks, "MOVING": moving, "BIQUAD": biquad},
            **{"SCAN": tl.float64 if wide else tl.float32, "L": chunks.SECTIONS},
            **(WIDE if wide else LAUNCH),
        }
        self.grid = (self.rows * self.chunks,)

    def empty(self, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        """Room of (rows, *shape)."""
        return torch.empty(self.rows, *shape, dtype=dtype or self.like.dtype, device=self.like.device)

    def states(self) -> Tensor:
        """Room for states."""
        return self.empty(self.K, self.chunks, 2, dtype=torch.float64)

    def carry(self, k: int, signal: Rows, start: Rows, states: Tensor, back: bool) -> None:
        """Fill the states of section k before each chunk, or their adjoint after each."""
        wide = self.about["SCAN"] == tl.float64
        maps = self.empty(6 * self.chunks, dtype=torch.float64 if wide else torch.float32)
        if self.chunks > 1:
            _maps[self.grid](signal, self.c, maps, k, R=self.rows, BACK=back, **self.about)
        sizes = {"K": self.K, "NC": self.chunks, "R": self.rows, "BACK": back, "L": STATES}
        _carry[(self.rows,)](maps, start, states, k, **sizes, **LAUNCH)

    def apply(self, k: int, signal: Rows, states: Tensor, y: Tensor, end: Tensor) -> Rows:
        """Fill the output of section k."""
        _apply[self.grid](signal, self.c, states, y, end, k, **self.about)
        return Rows(y, 1, self.rows)


def serves(inputs: Any) -> bool:
    """All that can be counted."""
    return countable((inputs.x, 1), (inputs.coef, 3))


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any, at: Tensor | None = None) -> None:
    """As `Kernel.forward` of operators that `define_cascade` declares; ``at``: where points of coefficients stand."""
    x, coef, zi = inputs
    if zi.shape[-2] == 0:
        outputs.y.copy_(x)
        return
    cascade = _Cascade(batch_shape, x, coef, x.shape[-1], at)
    states = outputs.checkpoints if outputs.checkpoints.shape[-3:-2] == (cascade.K,) else cascade.states()
    signal, start = shared_rows(x, 1, batch_shape), shared_rows(zi, 2, batch_shape)
    for k in range(cascade.K):
        cascade.carry(k, signal, start, states, back=False)
        y = outputs.y if k == cascade.K - 1 else cascade.empty(cascade.T)
        signal = cascade.apply(k, signal, states, y, outputs.zf)


def backward(
    batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any, at: Tensor | None = None
) -> list[Tensor | None]:
    """As `Kernel.backward`: the adjoint sections in reverse, backwards in time."""
    x, coef, zi = inputs.x, inputs.coef, inputs.zi
    K, T = zi.shape[-2], grads.y.shape[-1]
    if K == 0:
        return [grads.y.expand(*batch_shape, -1).clone(), torch.zeros_like(coef), torch.zeros_like(zi)]
    cascade = _Cascade(batch_shape, grads.y, coef, T, at)
    states, adjoint = saved.checkpoints, cascade.states()
    end, signals = cascade.empty(K, 2, dtype=torch.float64), [shared_rows(grads.y, 1, batch_shape)] * K
    if needs.coef:
        signals[0] = shared_rows(x, 1, batch_shape)
        for k in range(K - 1):
            signals[k + 1] = cascade.apply(k, signals[k], states, cascade.empty(T), end)
    moving = coef.shape[-3] != 1
    if at is not None:
        to_coef = cascade.empty(cascade.chunks + coef.shape[-3], K, 16, dtype=torch.float64).zero_()
    elif moving:
        to_coef = cascade.empty(T, K, coef.shape[-1])
    else:
        to_coef = cascade.empty(cascade.chunks, K, coef.shape[-1], dtype=torch.float64)
    g, last, start = shared_rows(grads.y, 1, batch_shape), shared_rows(grads.zf, 2, batch_shape), end
    double = grads.y.dtype == torch.float64 and not cascade.about["BIQUAD"]
    # Joining points takes registers too.
    about = {**cascade.about, **(WIDE if at is not None else WIDEST if double else {})}
    for k in reversed(range(K)):
        cascade.carry(k, g, last, adjoint, back=True)
        to = _Given(cascade.empty(T), start, to_coef)
        kept = states if needs.coef else adjoint
        _gradient[cascade.grid](signals[k], g, cascade.c, kept, adjoint, to, k, COEF=bool(needs.coef), **about)
        g = Rows(to.x, 1, cascade.rows)
    if not needs.coef:
        to_coef = None
    elif at is not None:
        to_coef = to_points(to_coef, cascade.c, coef, batch_shape, T, chunks.SECTIONS)
    else:
        whole = to_coef if moving else to_coef.sum(1, keepdim=True)
        to_coef = whole.view(*batch_shape, *whole.shape[1:])
    return [g.base.view(*batch_shape, T), to_coef, start.view(*batch_shape, K, 2)]
