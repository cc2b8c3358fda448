"""The first-order recursion y[t] = c[t] y[t-1] + x[t] as a scan, forwards and backwards in time.

Time is cut into chunks that all run side by side. The map of a chunk is y + d y + v with d = c - 1: composed in this
form, what a slow decay loses in a sample keeps its relative precision, which a product of float32 numbers near 1 does
not. Three launches: the map of every chunk; the states before the chunks, in float64; and the outputs.

References:
    G. E. Blelloch, "Prefix sums and their applications", CMU-CS-90-190, 1990.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.kernels.cuda import Rows

CHUNK = 1024
"""Samples that one program scans."""
STATES = 256
"""Chunks whose states are scanned at once."""


@triton.jit
def then(d1, v1, d2, v2):
    """First y + d1 y + v1, after it y + d2 y + v2."""
    return d1 + d2 + d2 * d1, v1 + v2 + d2 * v1


@triton.jit
def last_of(values, length: tl.constexpr):
    """The last of a block."""
    return tl.sum(tl.where(tl.arange(0, length) == length - 1, values, 0), 0)


@triton.jit
def _chunk(x, c, chunk, row, T, MOVING: tl.constexpr, DELTA: tl.constexpr, BACK: tl.constexpr, L: tl.constexpr):
    """The times of a chunk's steps, which of them there are, and the maps up to each, from its first.

    Backwards, step i is time T - 1 - i, and what it multiplies is the coefficient of the later sample.
    """
    step = chunk * L + tl.arange(0, L)
    inside = step < T
    t = T - 1 - step if BACK else step
    v = tl.load(x.base + (row // x.each % x.count) * T + t, mask=inside, other=0.0)
    start = c.base + (row // c.each % c.count) * (T if MOVING else 1)
    applies = inside & (step > 0) if BACK else inside
    given = tl.load(start + t + (1 if BACK else 0), mask=applies, other=0.0) if MOVING else tl.load(start)
    d = tl.where(applies, given if DELTA else -1.0 - given, 0.0).to(v.dtype)
    d, v = tl.associative_scan((d, v), 0, then)
    return t, inside, d, v


@triton.jit
def _maps(x, c, d_ptr, v_ptr, T, NC, MOVING: tl.constexpr, DELTA: tl.constexpr, BACK: tl.constexpr, L: tl.constexpr):
    row, chunk = (tl.program_id(0) // NC).to(tl.int64), tl.program_id(0) % NC
    _, _, d, v = _chunk(x, c, chunk, row, T, MOVING, DELTA, BACK, L)
    tl.store(d_ptr + row * NC + chunk, last_of(d, L))
    tl.store(v_ptr + row * NC + chunk, last_of(v, L))


@triton.jit
def carry(d_ptr, v_ptr, start, s_ptr, NC, L: tl.constexpr):
    """The states before each of NC chunks, from their maps."""
    row = tl.program_id(0).to(tl.int64)
    s = tl.load(start.base + row // start.each % start.count).to(tl.float64)
    for first in range(0, NC, L):
        i = first + tl.arange(0, L)
        d = tl.load(d_ptr + row * NC + i - 1, mask=(i > 0) & (i < NC), other=0.0).to(tl.float64)
        v = tl.load(v_ptr + row * NC + i - 1, mask=(i > 0) & (i < NC), other=0.0).to(tl.float64)
        d, v = tl.associative_scan((d, v), 0, then)
        before = s + d * s + v
        tl.store(s_ptr + row * NC + i, before, mask=i < NC)
        s = last_of(before, L)


@triton.jit
def _apply(
    x, c, s, y_ptr, end_ptr, T, NC, MOVING: tl.constexpr, DELTA: tl.constexpr, BACK: tl.constexpr, L: tl.constexpr
):
    row, chunk = (tl.program_id(0) // NC).to(tl.int64), tl.program_id(0) % NC
    t, inside, d, v = _chunk(x, c, chunk, row, T, MOVING, DELTA, BACK, L)
    before = tl.load(s.base + (row // s.each % s.count) * NC + chunk).to(tl.float64)
    near = before.to(v.dtype)
    tl.store(y_ptr + row * T + t, near + (d * near + v), mask=inside)
    if chunk == NC - 1:
        tl.store(end_ptr + row, before + last_of(d, L).to(tl.float64) * before + last_of(v, L).to(tl.float64))


def scan(x: Rows, c: Rows, start: Rows, y: Tensor, *, delta: bool = False, back: bool = False) -> Tensor:
    """Fill y (rows, T) with y[t] = c[t] y[t-1] + x[t], or backwards with y[t] = c[t+1] y[t+1] + x[t].

    Args:
        x: (T) a row, in the dtype of y.
        c: -c, or c - 1 if ``delta``: (T) or (1) a row. Backwards, c[T] is 1.
        start: y before the first sample, or after the last: a number per row.
        y: what is filled, contiguous.
        delta: how c is given.
        back: backwards in time.

    Returns:
        The last state (rows), float64: that after the last sample, or before the first.
    """
    T, rows = y.shape[-1], y.shape[:-1].numel()
    chunks = triton.cdiv(T, CHUNK)
    about = {"T": T, "NC": chunks, "MOVING": c.base.shape[-1] != 1, "DELTA": delta, "BACK": back, "L": CHUNK}
    launch = {"num_warps": 4, "enable_fp_fusion": True}
    end = torch.empty(rows, dtype=torch.float64, device=y.device)
    if chunks > 1:
        d, v = torch.empty(2, rows, chunks, dtype=y.dtype, device=y.device)
        states = torch.empty(rows, chunks, dtype=torch.float64, device=y.device)
        _maps[(rows * chunks,)](x, c, d, v, **about, **launch)
        carry[(rows,)](d, v, start, states, chunks, **{"L": STATES}, **launch)
        start = Rows(states, 1, rows)
    _apply[(rows * chunks,)](x, c, start, y, end, **about, **launch)
    return end
