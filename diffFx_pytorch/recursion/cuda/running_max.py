"""The running maximum on CUDA devices: two scans over segments of the window's length, whatever it is.

A window of W samples touches at most two segments of W: its maximum is that of the end of the one and of the beginning
of the other, both of them scans. One program takes a segment.

References:
    M. van Herk, "A fast algorithm for local minimum and maximum filters on rectangular and octagonal kernels", Pattern
    Recognition Letters 13(7), 1992.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

from diffFx_pytorch.kernels.cuda import countable, shared_rows

CHUNK = 1024
"""The most samples that are scanned at once."""


@triton.jit
def _larger(v1, i1, v2, i2):
    """The larger of two with its place: of equal ones the later."""
    first = (v1 > v2) | ((v1 == v2) & (i1 > i2))
    return tl.where(first, v1, v2), tl.where(first, i1, i2)


@triton.jit
def _segments(x, to_ptr, N, W, NS, BACK: tl.constexpr, L: tl.constexpr):
    """For each sample the place of the largest from its segment's beginning to it, or backwards from it to the end."""
    row, segment = (tl.program_id(0) // NS).to(tl.int64), tl.program_id(0) % NS
    start = x.base + row * N
    best, place = tl.full((), float("-inf"), x.base.dtype.element_ty), -1
    for first in range(0, W, L):
        step = first + tl.arange(0, L)
        t = segment * W + (W - 1 - step if BACK else step)
        inside = (step < W) & (t < N)
        v = tl.load(start + t, mask=inside, other=float("-inf"))
        v, i = tl.associative_scan((v, tl.where(inside, t, -1)), 0, _larger)
        v, i = _larger(best, place, v, i)
        tl.store(to_ptr + row * N + t, i, mask=inside)
        end = tl.arange(0, L) == L - 1
        best, place = tl.max(tl.where(end, v, float("-inf")), 0), tl.max(tl.where(end, i, -1), 0)


@triton.jit
def _windows(x, begins, ends, to_ptr, T, N, W, NC, L: tl.constexpr):
    """The larger of the two halves of every window."""
    row, chunk = (tl.program_id(0) // NC).to(tl.int64), tl.program_id(0) % NC
    t = chunk * L + tl.arange(0, L)
    inside = t < T
    i = tl.load(ends + row * N + t, mask=inside, other=0)
    j = tl.load(begins + row * N + t + W - 1, mask=inside, other=0)
    v = tl.load(x.base + row * N + i, mask=inside, other=0.0)
    w = tl.load(x.base + row * N + j, mask=inside, other=0.0)
    _, best = _larger(v, i, w, j)
    tl.store(to_ptr + row * T + t, best.to(tl.int64), mask=inside)


def serves(inputs: Any, window: int) -> bool:
    """All whose places fit into 32 bits."""
    return countable((inputs.x, 1))


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any, window: int) -> None:
    """As `Kernel.forward` of ``diffFx::running_max_index``."""
    x = shared_rows(inputs.x, 1, batch_shape)
    rows, padded = x.base.shape
    samples, segments = padded - window + 1, triton.cdiv(padded, window)
    begins, ends = torch.empty(2, rows, padded, dtype=torch.int32, device=x.base.device)
    length = min(CHUNK, triton.next_power_of_2(window))
    launch = {"num_warps": 4 if length >= 512 else 1, "enable_fp_fusion": True}
    grid = (rows * segments,)
    _segments[grid](x, begins, padded, window, segments, BACK=False, L=length, **launch)
    _segments[grid](x, ends, padded, window, segments, BACK=True, L=length, **launch)
    chunks = triton.cdiv(samples, CHUNK)
    sizes = {"T": samples, "N": padded, "W": window, "NC": chunks, "L": CHUNK}
    _windows[(rows * chunks,)](x, begins, ends, outputs.index, **sizes, num_warps=4, enable_fp_fusion=True)
