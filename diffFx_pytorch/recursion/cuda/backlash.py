"""Backlash on CUDA devices: every sample clamps the output before it, and clamps compose to clamps, so it is a scan."""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
import triton.language as tl

from diffFx_pytorch.kernels.cuda import countable, shared_rows

CHUNK = 1024
"""Samples that are scanned at once."""


@triton.jit
def clamp_then(low1, high1, low2, high2):
    """First a clamp to [low1, high1], after it one to [low2, high2]."""
    return tl.minimum(tl.maximum(low1, low2), high2), tl.minimum(tl.maximum(high1, low2), high2)


@triton.jit
def _later(i, j):
    return tl.maximum(i, j)


@triton.jit
def _sources(x, width, start, source_ptr, lifted_ptr, T, MOVING: tl.constexpr, L: tl.constexpr):
    """One program carries a row from chunk to chunk: the output, and where it comes from with what lifts it."""
    row = tl.program_id(0).to(tl.int64)
    state = tl.load(start.base + row // start.each % start.count)
    i, origin = tl.arange(0, L), tl.zeros((), tl.int64)
    for first in range(0, T, L):
        t = first + i
        inside = t < T
        at = x.base + (row // x.each % x.count) * T
        w_at = width.base + (row // width.each % width.count) * (T if MOVING else 1)
        low = tl.load(at + t, mask=inside, other=float("-inf"))
        high = low + tl.load(w_at + (t if MOVING else 0 * t), mask=inside, other=0.0)
        low_all, high_all = tl.associative_scan((low, tl.where(inside, high, float("inf"))), 0, clamp_then)
        y = tl.minimum(tl.maximum(state, low_all), high_all)
        before = tl.where(i > 0, tl.gather(y, tl.where(i > 0, i - 1, 0), 0), state)
        rises = low >= before
        falls = (high < before) & (low < before)
        # The last sample that moved it, and whether that one lifted, in one number.
        moved = tl.where(inside & (rises | falls), 2 * (t.to(tl.int64) + 1) + falls.to(tl.int64), 0)
        last = tl.maximum(tl.associative_scan(moved, 0, _later), origin)
        tl.store(source_ptr + row * T + t, last // 2, mask=inside)
        tl.store(lifted_ptr + row * T + t, (last % 2).to(tl.int8), mask=inside)
        origin = tl.max(last, 0)
        state = tl.sum(tl.where(i == L - 1, y, 0), 0)


def serves(inputs: Any) -> bool:
    """All that can be counted."""
    return countable((inputs.x, 1))


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::backlash_source``."""
    x, width, start = (shared_rows(t, 1, batch_shape) for t in inputs)
    lifted = outputs.lifted.view(torch.int8)
    about = {"MOVING": width.base.shape[-1] != 1, "L": CHUNK, "num_warps": 4, "enable_fp_fusion": True}
    _sources[(math.prod(batch_shape),)](x, width, start, outputs.source, lifted, x.base.shape[-1], **about)
