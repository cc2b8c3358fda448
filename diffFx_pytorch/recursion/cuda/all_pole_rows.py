"""The all-pole recursion of any order, real or complex, on CUDA devices: sample by sample, rows side by side.

Chunks would lose digits where poles lie close together, as those of high orders do; here sums are the equation's, in
float64. Past outputs stand in a ring of registers, and the coefficients are read in its order.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.kernels.cuda import shared_rows
from diffFx_pytorch.recursion.fallback.allpole import allpole_backward

MOST = 64
"""The highest order."""
NUMBERS = 128
"""Past outputs that one program holds."""


@triton.jit
def _samples(
    x, a, start, y_ptr, end_ptr, T, R, ORDER: tl.constexpr, PAIR: tl.constexpr, MOVING: tl.constexpr,
    ROWS: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    """Numbers are pairs of real and imaginary part, or real (``PAIR`` 1)."""
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    there = row < R
    j = tl.arange(0, N)
    x_at = x.base + (row // x.each % x.count) * T * PAIR
    a_at = a.base + (row // a.each % a.count)[:, None] * ((T if MOVING else 1) * ORDER * PAIR)
    # Slot j has the output of every N-th sample, so what stood N - j samples before the first.
    lag = N - j
    past = start.base + ((row // start.each % start.count)[:, None] * ORDER + (lag - 1)[None, :]) * PAIR
    held = there[:, None] & (lag <= ORDER)[None, :]
    re = tl.load(past, mask=held, other=0.0).to(tl.float64)
    im = tl.load(past + 1, mask=held, other=0.0).to(tl.float64) if PAIR == 2 else re
    for t in range(0, T):
        lag = ((t - 1 - j + N) & (N - 1)) + 1
        held = there[:, None] & (lag <= ORDER)[None, :]
        at = a_at + ((t * ORDER if MOVING else 0) + lag - 1)[None, :] * PAIR
        c = tl.load(at, mask=held, other=0.0).to(tl.float64)
        y = tl.load(x_at + t * PAIR, mask=there, other=0.0).to(tl.float64)
        here = ((t & (N - 1)) == j)[None, :]
        if PAIR == 2:
            d = tl.load(at + 1, mask=held, other=0.0).to(tl.float64)
            z = tl.load(x_at + t * 2 + 1, mask=there, other=0.0).to(tl.float64)
            y -= tl.sum(c * re - d * im, 1)
            z -= tl.sum(c * im + d * re, 1)
            tl.store(y_ptr + (row * T + t) * 2 + 1, z, mask=there)
            im = tl.where(here, z[:, None], im)
        else:
            y -= tl.sum(c * re, 1)
        tl.store(y_ptr + (row * T + t) * PAIR, y, mask=there)
        re = tl.where(here, y[:, None], re)
    lag = ((T - 1 - j + N) & (N - 1)) + 1
    held = there[:, None] & (lag <= ORDER)[None, :]
    at = end_ptr + (row[:, None] * ORDER + (lag - 1)[None, :]) * PAIR
    tl.store(at, re, mask=held)
    if PAIR == 2:
        tl.store(at + 1, im, mask=held)


def forward(batch_shape: tuple[int, ...], x: Tensor, a: Tensor, zi: Tensor, y: Tensor, zf: Tensor) -> None:
    """Fill y and zf; the others as `Kernel.forward` of ``diffFx::allpole`` gets them."""
    order, pair = a.shape[-1], 2 if y.is_complex() else 1
    given = (shared_rows(t, core, batch_shape) for t, core in ((x, 1), (a, 2), (zi, 1)))
    x_rows, a_rows, start = (rows._replace(base=_parts(rows.base)) for rows in given)
    size = triton.next_power_of_2(order)
    together = max(1, NUMBERS // size)
    rows = math.prod(batch_shape)
    about = {"ORDER": order, "PAIR": pair, "MOVING": a.shape[-2] != 1, "ROWS": together, "N": size, "num_warps": 1}
    grid = (triton.cdiv(rows, together),)
    into = _parts(y), _parts(zf)
    _samples[grid](x_rows, a_rows, start, *into, x.shape[-1], rows, **about, enable_fp_fusion=True)


def _parts(t: Tensor) -> Tensor:
    return torch.view_as_real(t.resolve_conj()) if t.is_complex() else t


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    """As `Kernel.backward`: the same recursion over the reversed signal."""

    def solve(drive: Tensor, a: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
        y, zf = torch.empty_like(drive), torch.empty_like(zi)
        forward(batch_shape, drive, a.resolve_conj(), zi, y, zf)
        return y, zf

    order = inputs.a.shape[-1]
    g, end = grads.y.expand(*batch_shape, -1), grads.zf.expand(*batch_shape, order)
    return list(allpole_backward(g, end, saved.y if needs.a else None, inputs.a, inputs.zi, solve))
