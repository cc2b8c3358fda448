"""All-passes in series inside a loop of one sample on CUDA devices: sample by sample, rows side by side, in float64.

Each stage is a rotation of signal and state, or two (see `cpu.allpass_loop`); what undoes a rotation is its adjoint. So
the gradient needs no states but the last: from the loop's output, which is kept, it turns them back sample by sample,
as it turns what is owed to them, and no rounding grows.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.kernels.cuda import countable, shared_rows

ROWS = 32
"""Rows of a program, one a thread."""
MOST = 64
"""Rotations: their states, and what is owed to them, stand in registers, up to 32 of them without spilling."""


@triton.jit
def _root(b):
    """The cosine to a sine, and their ratio: without the branches of a square root in float64."""
    square = (1.0 - b) * (1.0 + b)
    floor = tl.maximum(square, 1e-30)
    r = tl.rsqrt(floor.to(tl.float32)).to(tl.float64)
    r = r * (1.5 - 0.5 * floor * r * r)
    r = r * (1.5 - 0.5 * floor * r * r)
    return square * r, b * r


@triton.jit
def _knobs(at, there, WIDTH: tl.constexpr):
    """b, c and b / c of the inner rotation, the gain of the loop, and b, c and b / c of the outer rotation."""
    b = tl.load(at, mask=there, other=0.0).to(tl.float64)
    g = tl.load(at + 1, mask=there, other=0.0).to(tl.float64)
    d = tl.load(at + WIDTH - 1, mask=there, other=0.0).to(tl.float64) if WIDTH == 3 else b
    c, ratio = _root(b)
    e, steep = _root(d)
    return b, c, ratio, g, d, e, steep


@triton.jit
def _turned(b, c, signal, state):
    """New state and output of a rotation."""
    return c * signal + b * state, c * state - b * signal


@triton.jit
def _back(b, c, new, out):
    """Signal and state of a rotation, from what it made of them; or their gradients from those of that."""
    return c * new - b * out, b * new + c * out


@triton.jit
def _slope(ratio, new, out, signal, state):
    """Gradient by b of a rotation, ``new`` and ``out`` being those of what it made."""
    return new * (state - ratio * signal) - out * (ratio * state + signal)


@triton.jit
def _read(at, there, N: tl.constexpr):
    """The states of the rotations, as they stand at a place."""
    states = ()
    for k in tl.static_range(N):
        states = states + (tl.load(at + k, mask=there, other=0.0).to(tl.float64),)
    return states


@triton.jit
def _write(at, states, last, unused, there, N: tl.constexpr):
    for k in tl.static_range(N):
        tl.store(at + k, states[k], mask=there)
    tl.store(at + N, last, mask=there)
    tl.store(at + N + 1, unused, mask=there)


@triton.jit
def _stages(
    x, coef, start, y_ptr, end_ptr, kept_ptr, T, R, N: tl.constexpr, WIDTH: tl.constexpr, MOVING: tl.constexpr,
    KEEP: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Output, last states and, where a gradient will want it, what left the stages at every sample, then the states."""
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    there = row < R
    x_at = x.base + (row // x.each % x.count) * T
    coef_at = coef.base + (row // coef.each % coef.count) * (WIDTH * T if MOVING else WIDTH)
    start_at = start.base + (row // start.each % start.count) * (N + 2)
    kept_at = kept_ptr + row * (T + N)
    states = _read(start_at, there, N)
    last = tl.load(start_at + N, mask=there, other=0.0).to(tl.float64)
    # What a sample reads is asked for while the one before it is computed.
    near = tl.load(x_at, mask=there, other=0.0)
    b, c, _ratio, g, d, e, _steep = _knobs(coef_at, there, WIDTH)
    for t in range(0, T):
        more = t + 1 < tl.where(there, T, 0)
        signal = near.to(tl.float64) + g * last
        u = signal
        near = tl.load(x_at + t + 1, mask=more, other=0.0)
        after = ()
        for k in tl.static_range(0, N, WIDTH - 1):
            if WIDTH == 3:
                inner, signal = _turned(d, e, signal, states[k + 1])
                new, out = _turned(b, c, inner, states[k])
                after = after + (new, out)
            else:
                new, signal = _turned(b, c, signal, states[k])
                after = after + (new,)
        states = after
        last = signal
        tl.store(y_ptr + row * T + t, u + last, mask=there)
        if KEEP:
            tl.store(kept_at + t, last, mask=there)
        if MOVING:
            b, c, _ratio, g, d, e, _steep = _knobs(coef_at + (t + 1) * WIDTH, more, WIDTH)
    unused = tl.load(start_at + N + 1, mask=there, other=0.0).to(tl.float64)
    _write(end_ptr + row * (N + 2), states, last, unused, there, N)
    if KEEP:
        for k in tl.static_range(N):
            tl.store(kept_at + T + k, states[k], mask=there)


@triton.jit
def _stages_back(
    to_y, to_end, coef, start, kept_ptr, to_x, to_coef, to_start, T, R, N: tl.constexpr, WIDTH: tl.constexpr,
    MOVING: tl.constexpr, COEF: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Gradients of the signal, of the states before it and, with ``COEF``, of the coefficients."""
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    there = row < R
    y_at = to_y.base + (row // to_y.each % to_y.count) * T
    coef_at = coef.base + (row // coef.each % coef.count) * (WIDTH * T if MOVING else WIDTH)
    owed_at = to_end.base + (row // to_end.each % to_end.count) * (N + 2)
    first = tl.load(start.base + (row // start.each % start.count) * (N + 2) + N, mask=there, other=0.0).to(tl.float64)
    kept_at = kept_ptr + row * (T + N)
    owed = _read(owed_at, there, N)
    to_last = tl.load(owed_at + N, mask=there, other=0.0).to(tl.float64)
    states = _read(kept_at + T, there, N if COEF else 0)
    before = tl.load(kept_at + T - 1, mask=there, other=0.0) if COEF else to_last
    sum_b = tl.zeros((ROWS,), tl.float64)
    sum_g = tl.zeros((ROWS,), tl.float64)
    sum_d = tl.zeros((ROWS,), tl.float64)
    near = tl.load(y_at + T - 1, mask=there, other=0.0)
    b, c, ratio, g, d, e, steep = _knobs(coef_at + (T - 1) * WIDTH if MOVING else coef_at, there, WIDTH)
    for i in range(0, T):
        t = T - 1 - i
        more = tl.where(there, t, 0) > 0
        direct = near.to(tl.float64)
        near = tl.load(y_at + t - 1, mask=more, other=0.0)
        p = direct + to_last
        if COEF:
            left = before
            before = tl.where(t > 0, tl.load(kept_at + t - 1, mask=more, other=0.0), first)
        to_b, to_d = tl.zeros((ROWS,), tl.float64), tl.zeros((ROWS,), tl.float64)
        owed_before, states_before = (), ()
        for k in tl.static_range(N - WIDTH + 1, -1, 1 - WIDTH):
            if WIDTH == 3:
                to_new, to_out = owed[k], owed[k + 1]
                to_inner, to_s = _back(b, c, to_new, to_out)
                to_signal, to_o = _back(d, e, to_inner, p)
                if COEF:
                    inner, s = _back(b, c, states[k], states[k + 1])
                    signal, o = _back(d, e, inner, left)
                    to_b += _slope(ratio, to_new, to_out, inner, s)
                    to_d += _slope(steep, to_inner, p, signal, o)
                    states_before = (s, o) + states_before
                    left = signal
                owed_before = (to_s, to_o) + owed_before
            else:
                to_signal, to_s = _back(b, c, owed[k], p)
                if COEF:
                    signal, s = _back(b, c, states[k], left)
                    to_b += _slope(ratio, owed[k], p, signal, s)
                    states_before = (s,) + states_before
                    left = signal
                owed_before = (to_s,) + owed_before
            p = to_signal
        owed = owed_before
        if COEF:
            states = states_before
        p += direct
        tl.store(to_x + row * T + t, p, mask=there)
        to_last = g * p
        if COEF:
            if MOVING:
                at = to_coef + (row * T + t) * WIDTH
                tl.store(at, to_b, mask=there)
                tl.store(at + 1, p * before, mask=there)
                if WIDTH == 3:
                    tl.store(at + 2, to_d, mask=there)
            else:
                sum_b += to_b
                sum_g += p * before
                sum_d += to_d
        if MOVING:
            b, c, ratio, g, d, e, steep = _knobs(coef_at + (t - 1) * WIDTH, more, WIDTH)
    unused = tl.load(owed_at + N + 1, mask=there, other=0.0).to(tl.float64)
    _write(to_start + row * (N + 2), owed, to_last, unused, there, N)
    if COEF and not MOVING:
        tl.store(to_coef + row * WIDTH, sum_b, mask=there)
        tl.store(to_coef + row * WIDTH + 1, sum_g, mask=there)
        if WIDTH == 3:
            tl.store(to_coef + row * WIDTH + 2, sum_d, mask=there)


def serves(inputs: Any) -> bool:
    """Up to 64 stages, or 32 of second order."""
    counted = countable((inputs.x, 1), (inputs.coef, 3))
    return inputs.x.shape[-1] > 0 and 2 * inputs.zi.shape[-2] - 2 <= MOST and counted


def _about(batch_shape: tuple[int, ...], coef: Tensor, zi: Tensor, samples: int) -> tuple[tuple[int], dict[str, Any]]:
    rows = math.prod(batch_shape)
    sizes = {"T": samples, "R": rows, "N": 2 * zi.shape[-2] - 2, "WIDTH": coef.shape[-1], "ROWS": ROWS}
    how = {"MOVING": coef.shape[-3] != 1, "num_warps": 1, "enable_fp_fusion": True}
    return (triton.cdiv(rows, ROWS),), {**sizes, **how}


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::allpass_loop``."""
    x, coef, start = (shared_rows(t, n, batch_shape) for t, n in zip(inputs, (1, 3, 2), strict=True))
    grid, about = _about(batch_shape, inputs.coef, inputs.zi, inputs.x.shape[-1])
    kept = outputs.checkpoints
    _stages[grid](x, coef, start, outputs.y, outputs.zf, kept, KEEP=kept.numel() > 0, **about)


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    """As `Kernel.backward`."""
    _, coef, zi = inputs
    samples, of_coef = grads.y.shape[-1], bool(needs.coef)
    to_x, to_start = grads.y.new_empty(*batch_shape, samples), zi.new_empty(*batch_shape, *zi.shape[-2:])
    moving = coef.shape[-3] != 1
    to_coef = torch.empty(
        *(*batch_shape, *coef.shape[-3:]) if of_coef else (0,),
        dtype=coef.dtype if moving else torch.float64,
        device=coef.device,
    )
    kept = saved.checkpoints if of_coef else to_start
    given = (shared_rows(t, n, batch_shape) for t, n in ((grads.y, 1), (grads.zf, 2), (coef, 3), (zi, 2)))
    grid, about = _about(batch_shape, coef, zi, samples)
    _stages_back[grid](*given, kept, to_x, to_coef, to_start, COEF=of_coef, **about)
    return [to_x, to_coef if of_coef else None, to_start]
