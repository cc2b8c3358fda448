"""The overshoot of a compressor that listens to its own output, on CUDA devices: Newton's method, each round a scan.

What a sample is after a guess of the one before it, and how much it follows that guess, makes a linear recursion. Its
solution is a better guess; each round settles one sample more at least. A row goes from chunk to chunk, in float64.
Backwards all is known, and the recursion is one scan.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.kernels.cuda import Rows, countable, shared_rows
from diffFx_pytorch.recursion.fallback.loop_overshoot import SAME, loop_overshoot_adjoint

from . import first_order
from .first_order import last_of, then

CHUNK = 512
"""Samples that settle together."""


@triton.jit
def _knob(at, t, k: tl.constexpr, inside, MOVING: tl.constexpr):
    return tl.load(at + (4 * t + k if MOVING else 0 * t + k), mask=inside, other=1.0).to(tl.float64)


@triton.jit
def _bent(v, width):
    """What of a level over threshold counts."""
    above = tl.maximum(v + 0.5 * width, 0.0)
    inside = tl.minimum(above, width)
    return inside * (above - 0.5 * inside) / width


@triton.jit
def _overshoots(x, knobs, start, y_ptr, end_ptr, same, T, MOVING: tl.constexpr, L: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    state = tl.load(start.base + row // start.each % start.count).to(tl.float64)
    at = x.base + (row // x.each % x.count) * T
    knobs_at = knobs.base + (row // knobs.each % knobs.count) * (4 * T if MOVING else 4)
    i = tl.arange(0, L)
    for first in range(0, T, L):
        t = first + i
        inside = t < T
        level = tl.load(at + t, mask=inside, other=0.0).to(tl.float64)
        W, m = _knob(knobs_at, t, 0, inside, MOVING), _knob(knobs_at, t, 1, inside, MOVING)
        up, down = _knob(knobs_at, t, 2, inside, MOVING), _knob(knobs_at, t, 3, inside, MOVING)
        o = tl.maximum(level / (1.0 + m), 0.0)
        wrong, rounds = 1, 0
        while (wrong > 0) & (rounds < L):
            before = tl.where(i > 0, tl.gather(o, tl.where(i > 0, i - 1, 0), 0), state)
            c = tl.where(_bent(level - m * before, W) >= before, up, down)
            kept, new = c * before, 1.0 - c
            d = tl.maximum(level + 0.5 * W - m * kept, 0.0)
            z = 2.0 * d / (1.0 + tl.sqrt(1.0 + 2.0 * new * m * d / W))
            found = tl.where(z <= W, kept + new * z * z / (2.0 * W), (kept + new * level) / (1.0 + new * m))
            bend = tl.minimum(tl.maximum(level - m * found + 0.5 * W, 0.0), W) / W
            slope = c / (1.0 + new * m * bend)
            d_all, v_all = tl.associative_scan((slope - 1.0, found - slope * before), 0, then)
            anew = state + (d_all * state + v_all)
            apart = tl.abs(anew - o) > same * tl.maximum(tl.abs(anew), 1.0)
            wrong = tl.sum((inside & apart).to(tl.int32), 0)
            o = anew
            rounds += 1
        tl.store(y_ptr + row * T + t, o, mask=inside)
        tl.store(end_ptr + row + 0 * t, o, mask=t == T - 1)
        state = last_of(o, L)


def serves(inputs: Any) -> bool:
    """All that can be counted."""
    return inputs.level.shape[-1] > 0 and countable((inputs.level, 1), (inputs.knobs, 2))


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::loop_overshoot``."""
    x, knobs, start = (shared_rows(t, n, batch_shape) for t, n in zip(inputs, (1, 2, 1), strict=True))
    about = {"MOVING": knobs.base.shape[-2] != 1, "L": CHUNK, "num_warps": 8, "enable_fp_fusion": True}
    samples = x.base.shape[-1]
    _overshoots[(math.prod(batch_shape),)](x, knobs, start, outputs.y, outputs.zf, SAME, samples, **about)


def _scan(slope: Tensor, g: Tensor, end: Tensor) -> Tensor:
    g = g.contiguous()
    g[..., -1:].addcmul_(slope[..., -1:], end)
    batch_shape, found = g.shape[:-1], torch.empty_like(g)
    later = -torch.nn.functional.pad(slope[..., :-1], (1, 0))
    silence = Rows(end.new_zeros(1, 1), 1, 1)
    first_order.scan(shared_rows(g, 1, batch_shape), shared_rows(later, 1, batch_shape), silence, found, back=True)
    return found


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor]:
    """As `Kernel.backward`."""
    return loop_overshoot_adjoint(batch_shape, grads, inputs, saved, needs, _scan)
