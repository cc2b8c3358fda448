"""A sum of plays on CUDA devices: each clamps what it was to the input and its reach, and clamps compose, so it scans.

A row goes from chunk to chunk, with all its plays side by side. Backwards it is known where a play moved: what comes
later runs back to there, which is a scan of first order whose coefficients are 0 and 1.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.kernels.cuda import countable, shared_rows

from .backlash import clamp_then
from .first_order import then

CHUNK = 1024
"""Samples that are scanned at once, of all plays together; half as many in float64."""
MOST = 64
"""Plays."""


@triton.jit
def _knob(knobs, row, t, k: tl.constexpr, T, inside, MOVING: tl.constexpr, KIND: tl.constexpr):
    at = knobs.base + (row // knobs.each % knobs.count) * (2 * T if MOVING else 2) + k
    return tl.load(at + (2 * t if MOVING else 0 * t), mask=inside, other=0.0).to(KIND)


@triton.jit
def _forward(
    x, knobs, start, y_ptr, end_ptr, went_ptr, mean_ptr, T, N, KEEP: tl.constexpr, MOVING: tl.constexpr,
    KIND: tl.constexpr, K: tl.constexpr, L: tl.constexpr,
):  # fmt: skip
    """The output and the last plays; or which way each play moved, and their mean."""
    row = tl.program_id(0).to(tl.int64)
    k, i = tl.arange(0, K), tl.arange(0, L)
    play = (k < N)[:, None]
    share_of = tl.where(k < N, (k + 1).to(KIND) / N, 0.0)
    state = tl.load(start.base + (row // start.each % start.count) * N + k, mask=k < N, other=0.0).to(KIND)
    earlier = tl.broadcast_to(tl.where(i > 0, i - 1, 0)[None, :], (K, L))
    for first in range(0, T, L):
        t = first + i
        inside = t < T
        u = tl.load(x.base + (row // x.each % x.count) * T + t, mask=inside, other=0.0)
        reach = _knob(knobs, row, t, 1, T, inside, MOVING, KIND)
        r = share_of[:, None] * reach[None, :]
        low = tl.where(inside[None, :], u[None, :] - r, float("-inf"))
        high = tl.where(inside[None, :], u[None, :] + r, float("inf"))
        low_all, high_all = tl.associative_scan((low, high), 1, clamp_then)
        p = tl.minimum(tl.maximum(state[:, None], low_all), high_all)
        mean = tl.sum(tl.where(play, p, 0.0), 0) / N
        if KEEP:
            before = tl.where(i[None, :] > 0, tl.gather(p, earlier, 1), state[:, None])
            went = (before < low).to(tl.int8) - (before > high).to(tl.int8)
            tl.store(went_ptr + (row * N + k)[:, None] * T + t[None, :], went, mask=play & inside[None, :])
            tl.store(mean_ptr + row * T + t, mean, mask=inside)
        else:
            h = _knob(knobs, row, t, 0, T, inside, MOVING, KIND)
            tl.store(y_ptr + row * T + t, u + h * (mean - u), mask=inside)
            end = end_ptr + row * N + k[:, None] + 0 * t[None, :]
            tl.store(end, p.to(tl.float64), mask=play & (t == T - 1)[None, :])
        state = tl.sum(tl.where((i == L - 1)[None, :], p, 0.0), 1)


@triton.jit
def _backward(
    g_ptr, to_end, x, knobs, went_ptr, mean_ptr, to_x, to_share, to_reach, to_start, T, N, MOVING: tl.constexpr,
    KIND: tl.constexpr, K: tl.constexpr, L: tl.constexpr,
):  # fmt: skip
    """What is owed to a play runs back to where it moved last."""
    row = tl.program_id(0).to(tl.int64)
    k, i = tl.arange(0, K), tl.arange(0, L)
    share_of = tl.where(k < N, (k + 1).to(KIND) / N, 0.0)
    owed = tl.load(to_end + row * N + k, mask=k < N, other=0.0)
    moved = tl.zeros((K,), tl.int32)
    for first in range(0, T, L):
        t = T - 1 - first - i
        inside = t >= 0
        g = tl.load(g_ptr + row * T + t, mask=inside, other=0.0)
        u = tl.load(x.base + (row // x.each % x.count) * T + t, mask=inside, other=0.0)
        mean = tl.load(mean_ptr + row * T + t, mask=inside, other=0.0)
        h = _knob(knobs, row, t, 0, T, inside, MOVING, KIND)
        here = (k < N)[:, None] & inside[None, :]
        at = went_ptr + (row * N + k)[:, None] * T + t[None, :]
        went = tl.load(at, mask=here, other=0).to(tl.int32)
        # What a play owes for later is paid where it moved later.
        paid = tl.load(at + 1, mask=here & (t < T - 1)[None, :], other=0).to(tl.int32)
        d = tl.where(paid != 0, -1.0, 0.0).to(KIND)
        v = tl.broadcast_to((g * h / N)[None, :], (K, L))
        d, v = tl.associative_scan((d, v), 1, then)
        near = owed.to(KIND)[:, None]
        due = near + (d * near + v)
        sent = tl.where(went != 0, due, 0.0)
        tl.store(to_x + row * T + t, (1.0 - h) * g + tl.sum(sent, 0), mask=inside)
        tl.store(to_share + row * T + t, g * (mean - u), mask=inside)
        tl.store(to_reach + row * T + t, -tl.sum(sent * went.to(KIND) * share_of[:, None], 0), mask=inside)
        last = (t == tl.maximum(T - first - L, 0))[None, :]
        owed = tl.sum(tl.where(last, due, 0.0), 1).to(tl.float64)
        moved = tl.sum(tl.where(last, went, 0), 1)
    tl.store(to_start + row * N + k, tl.where(moved != 0, 0.0, owed), mask=k < N)


def serves(inputs: Any) -> bool:
    """Up to 64 plays."""
    return inputs.x.shape[-1] > 0 and inputs.zi.shape[-1] <= MOST and countable((inputs.x, 1), (inputs.knobs, 2))


def _about(x: Tensor, knobs: Tensor, count: int) -> dict[str, Any]:
    plays = triton.next_power_of_2(count)
    kind = tl.float64 if x.dtype == torch.float64 else tl.float32
    sizes = {"T": x.shape[-1], "N": count, "K": plays, "L": max(CHUNK // (plays * x.itemsize // 4), 16)}
    return {**sizes, "MOVING": knobs.shape[-2] != 1, "KIND": kind, "num_warps": 8, "enable_fp_fusion": True}


def _run(batch_shape: tuple[int, ...], inputs: Any, to: Any, keep: bool) -> None:
    x, knobs, start = (shared_rows(t, n, batch_shape) for t, n in zip(inputs, (1, 2, 1), strict=True))
    about = _about(inputs.x, inputs.knobs, inputs.zi.shape[-1])
    _forward[(math.prod(batch_shape),)](x, knobs, start, to.y, to.zf, to.went, to.mean, KEEP=keep, **about)


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::plays``."""
    unused = SimpleNamespace(y=outputs.y, zf=outputs.zf, went=outputs.y, mean=outputs.y)
    _run(batch_shape, inputs, unused, False)


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor]:
    """As `Kernel.backward`."""
    x, knobs, zi = inputs
    samples, count = x.shape[-1], zi.shape[-1]
    went = torch.empty(*batch_shape, count, samples, dtype=torch.int8, device=x.device)
    mean, to_x, to_share, to_reach = x.new_empty(4, *batch_shape, samples)
    _run(batch_shape, inputs, SimpleNamespace(y=mean, zf=mean, went=went, mean=mean), True)
    to_start = zi.new_empty(*batch_shape, count)
    g, end = (t.expand(*batch_shape, -1).contiguous() for t in grads)
    given = (shared_rows(t, n, batch_shape) for t, n in ((x, 1), (knobs, 2)))
    to = (to_x, to_share, to_reach, to_start)
    _backward[(math.prod(batch_shape),)](g, end, *given, went, mean, *to, **_about(x, knobs, count))
    of_knobs = to_share, to_reach
    if knobs.shape[-2] == 1:
        of_knobs = tuple(t.sum(-1, keepdim=True, dtype=torch.float64) for t in of_knobs)
    return [to_x, torch.stack(of_knobs, -1), to_start]
