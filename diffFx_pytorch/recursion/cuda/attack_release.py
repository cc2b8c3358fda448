"""The attack/release smoother on CUDA devices: a first-order scan whose choices are found by iteration.

Given the choices between attack and release, the recursion is linear and a scan. Given its levels, the choices follow.
From a guess, a few rounds settle a chunk (6 to 14 of real audio): each round settles at least the first sample that was
wrong, so at most as many as there are samples. One program carries a row from chunk to chunk. Backwards the choices are
known, and one scan is left.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.kernels.cuda import Rows, shared_rows

from . import first_order
from .first_order import last_of, then

CHUNK = 1024
"""Samples whose choices are found together."""
SAME = {torch.float32: 1e-6, torch.float64: 1e-14}
"""Levels closer than this, relative to the larger, are equal: which of the two is chosen does not matter, and rounding
may choose anew in every round."""


@triton.jit
def _gain(c, row, t, T, inside, MOVING: tl.constexpr, KIND: tl.constexpr):
    """1 - c, which keeps the precision of a float64 coefficient."""
    at = c.base + (row // c.each % c.count) * (T if MOVING else 1)
    return (1.0 - tl.load(at + (t if MOVING else 0 * t), mask=inside, other=1.0)).to(KIND)


@triton.jit
def _levels(
    x, attack, release, start, y_ptr, end_ptr, same, T, MOVING_A: tl.constexpr, MOVING_R: tl.constexpr,
    KIND: tl.constexpr, L: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    state = tl.load(start.base + row // start.each % start.count).to(tl.float64)
    i = tl.arange(0, L)
    for first in range(0, T, L):
        t = first + i
        inside = t < T
        at = x.base + (row // x.each % x.count) * T + t
        level = tl.load(at, mask=inside, other=0.0)
        before = tl.load(at - 1, mask=inside & (i > 0), other=0.0)
        up = _gain(attack, row, t, T, inside, MOVING_A, KIND)
        down = _gain(release, row, t, T, inside, MOVING_R, KIND)
        near = state.to(KIND)
        rising = level > tl.where(i > 0, before, near)
        y, d, v = level, level, level
        wrong, rounds = 1, 0
        while (wrong > 0) & (rounds < L):
            k = tl.where(inside, tl.where(rising, up, down), 0.0)
            d, v = tl.associative_scan((-k, k * level), 0, then)
            y = near + (d * near + v)
            before = tl.where(i > 0, tl.gather(y, tl.where(i > 0, i - 1, 0), 0), near)
            anew = level > before
            apart = tl.abs(level - before) > same * tl.maximum(tl.abs(level), tl.abs(before))
            wrong = tl.sum((inside & apart & (anew != rising)).to(tl.int32), 0)
            rising = anew
            rounds += 1
        tl.store(y_ptr + row * T + t, y, mask=inside)
        state += last_of(d, L).to(tl.float64) * state + last_of(v, L).to(tl.float64)
    tl.store(end_ptr + row, state)


def serves(inputs: Any) -> bool:
    """All."""
    return True


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::attack_release``."""
    x, attack, release, start = (shared_rows(t, 1, batch_shape) for t in inputs)
    kind = x.base.dtype
    _levels[(math.prod(batch_shape),)](
        *(x, attack, release, start, outputs.y, outputs.zf, SAME[kind], outputs.y.shape[-1]),
        MOVING_A=attack.base.shape[-1] != 1,
        MOVING_R=release.base.shape[-1] != 1,
        KIND=tl.float64 if kind == torch.float64 else tl.float32,
        L=CHUNK,
        num_warps=4,
        enable_fp_fusion=True,
    )


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    """As `Kernel.backward`: the recursion with the choices that were made, backwards in time."""
    x, attack, release, zi = inputs
    before = torch.cat([zi.to(x.dtype).expand(*batch_shape, 1), saved.y[..., :-1]], -1)
    rising = x > before
    gain = torch.where(rising, (1 - attack).to(x.dtype), (1 - release).to(x.dtype))
    total = torch.empty_like(saved.y)
    given, end = shared_rows(grads.y, 1, batch_shape), shared_rows(grads.zf, 1, batch_shape)
    first_order.scan(
        given, Rows((-gain).view(-1, x.shape[-1]), 1, math.prod(batch_shape)), end, total, delta=True, back=True
    )
    to_c = total * (before - x)
    to_attack, to_release = (
        _summed(torch.where(choice, to_c, 0), c) if need else None
        for choice, c, need in ((rising, attack, needs.attack), (~rising, release, needs.release))
    )
    return [gain * total, to_attack, to_release, ((1 - gain[..., :1]) * total[..., :1]).double()]


def _summed(grad: Tensor, c: Tensor) -> Tensor:
    return grad if c.shape[-1] != 1 else grad.sum(-1, keepdim=True, dtype=torch.float64)
