"""Overshoot and gain of a compressor on CUDA devices: one pass each, and back, for knobs that stand or move.

A program takes a stretch of all channels of an item. Gradients of knobs are added up over channels, and over time where
they stand still: a sum for each program.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.kernels.cuda import on_device

STRETCH = 1024
"""Samples that one program takes."""
SMALL = tl.constexpr(1e-12)
"""Of the slope at the beginning of a knee."""


@triton.jit
def _knob(ptr, item, t, T, inside, MOVES: tl.constexpr):
    at = ptr + item * (T if MOVES else 1)
    return tl.load(at + (t if MOVES else 0 * t), mask=inside, other=1.0)


@triton.jit
def _to_knob(ptr, values, item, t, T, inside, NC, MOVES: tl.constexpr):
    """Store the gradient of a knob: of every sample, or the sum of a stretch."""
    if MOVES:
        tl.store(ptr + item * T + t, values, mask=inside)
    else:
        total = tl.sum(tl.where(inside, values, 0.0), 0)
        tl.store(ptr + tl.program_id(0).to(tl.int64), total)


@triton.jit
def _place(T, NC, L: tl.constexpr):
    t = (tl.program_id(0) % NC) * L + tl.arange(0, L)
    return (tl.program_id(0) // NC).to(tl.int64), t, t < T


@triton.jit
def _size(key_ptr, row, t, T, inside, POWER: tl.constexpr):
    key = tl.load(key_ptr + row * T + t, mask=inside, other=0.0)
    return key, key if POWER else tl.abs(key)


@triton.jit
def _loudest(key_ptr, item, t, T, C, inside, POWER: tl.constexpr):
    """The largest size of all channels."""
    _, top = _size(key_ptr, item * C, t, T, inside, POWER)
    for c in range(1, C):
        _, size = _size(key_ptr, item * C + c, t, T, inside, POWER)
        top = tl.maximum(top, size, propagate_nan=tl.PropagateNan.ALL)
    return top


@triton.jit
def _over(size, offset, width, lowest, POWER: tl.constexpr):
    level = tl.log(tl.maximum(size, lowest, propagate_nan=tl.PropagateNan.ALL))
    v = tl.maximum(offset + (0.5 if POWER else 1.0) * level, 0.0, propagate_nan=tl.PropagateNan.ALL)
    m = tl.minimum(v, width)
    return (v - 0.5 * m) * m / width


@triton.jit
def _overshoot(
    key_ptr, offset_ptr, width_ptr, over_ptr, lowest, T, C, NC, MOVES: tl.constexpr, POWER: tl.constexpr,
    LINK: tl.constexpr, L: tl.constexpr,
):  # fmt: skip
    item, t, inside = _place(T, NC, L)
    offset = _knob(offset_ptr, item, t, T, inside, MOVES & 1)
    width = _knob(width_ptr, item, t, T, inside, MOVES & 2)
    if LINK:
        top = _loudest(key_ptr, item, t, T, C, inside, POWER)
        tl.store(over_ptr + item * T + t, _over(top, offset, width, lowest, POWER), mask=inside)
    else:
        for c in range(C):
            _, size = _size(key_ptr, item * C + c, t, T, inside, POWER)
            tl.store(over_ptr + (item * C + c) * T + t, _over(size, offset, width, lowest, POWER), mask=inside)


@triton.jit
def _through_level(grad, key, top, floor, POWER: tl.constexpr):
    """The gradient of a key from that of its level: over the amplitude, or over twice the power."""
    if POWER:
        return grad / tl.maximum(2 * top, floor)
    else:
        return grad / tl.maximum(top * top, floor) * key


@triton.jit
def _overshoot_adjoint(
    grad_ptr, key_ptr, over_ptr, width_ptr, to, floor, T, C, NC, TO_KEY: tl.constexpr, MOVES: tl.constexpr,
    POWER: tl.constexpr, LINK: tl.constexpr, L: tl.constexpr,
):  # fmt: skip
    item, t, inside = _place(T, NC, L)
    width = _knob(width_ptr, item, t, T, inside, MOVES & 2)
    to_threshold, to_width = 0.0 * width, 0.0 * width
    for o in range(1 if LINK else C):
        at = (item * (1 if LINK else C) + o) * T + t
        over = tl.load(over_ptr + at, mask=inside, other=0.0)
        slope = tl.minimum(tl.maximum(over * (2 / width), SMALL * SMALL), 1.0)
        slope = tl.sqrt(slope) - SMALL
        grad = tl.load(grad_ptr + at, mask=inside, other=0.0) * slope
        to_threshold -= grad
        to_width += 0.5 * grad * (1 - slope)
        if TO_KEY:
            if LINK:
                top = _loudest(key_ptr, item, t, T, C, inside, POWER)
                count = 0.0 * top
                for c in range(C):
                    _, size = _size(key_ptr, item * C + c, t, T, inside, POWER)
                    count += tl.where(size == top, 1.0, 0.0).to(count.dtype)
                for c in range(C):  # channels that are loudest together share
                    key, size = _size(key_ptr, item * C + c, t, T, inside, POWER)
                    own = tl.where(size == top, _through_level(grad / count, key, top, floor, POWER), 0.0)
                    tl.store(to.key + (item * C + c) * T + t, own, mask=inside)
            else:
                key, size = _size(key_ptr, item * C + o, t, T, inside, POWER)
                tl.store(to.key + at, _through_level(grad, key, size, floor, POWER), mask=inside)
    _to_knob(to.threshold, to_threshold, item, t, T, inside, NC, MOVES & 1)
    _to_knob(to.width, to_width, item, t, T, inside, NC, MOVES & 2)


@triton.jit
def _gain(x_ptr, over_ptr, knobs, y_ptr, T, C, NC, MOVES: tl.constexpr, LINK: tl.constexpr, L: tl.constexpr):
    item, t, inside = _place(T, NC, L)
    slope = _knob(knobs.slope, item, t, T, inside, MOVES & 1)
    makeup = _knob(knobs.makeup, item, t, T, inside, MOVES & 2)
    mix = _knob(knobs.mix, item, t, T, inside, MOVES & 4)
    for c in range(C):
        row = item * C + c
        over = tl.load(over_ptr + (item if LINK else row) * T + t, mask=inside, other=0.0)
        x = tl.load(x_ptr + row * T + t, mask=inside, other=0.0)
        tl.store(y_ptr + row * T + t, x * (1 + mix * (tl.exp(makeup - slope * over) - 1)), mask=inside)


@triton.jit
def _gain_adjoint(
    grad_ptr, x_ptr, over_ptr, knobs, to, T, C, NC, TO_X: tl.constexpr, MOVES: tl.constexpr, LINK: tl.constexpr,
    L: tl.constexpr,
):  # fmt: skip
    item, t, inside = _place(T, NC, L)
    slope = _knob(knobs.slope, item, t, T, inside, MOVES & 1)
    makeup = _knob(knobs.makeup, item, t, T, inside, MOVES & 2)
    mix = _knob(knobs.mix, item, t, T, inside, MOVES & 4)
    to_slope, to_makeup, to_mix, to_over = 0.0 * slope, 0.0 * slope, 0.0 * slope, 0.0 * slope
    for c in range(C):
        row = item * C + c
        over = tl.load(over_ptr + (item if LINK else row) * T + t, mask=inside, other=0.0)
        gain = tl.exp(makeup - slope * over)
        grad = tl.load(grad_ptr + row * T + t, mask=inside, other=0.0)
        share = grad * tl.load(x_ptr + row * T + t, mask=inside, other=0.0)
        if TO_X:
            tl.store(to.x + row * T + t, (mix * (gain - 1) + 1) * grad, mask=inside)
        grad_log = share * gain * mix
        to_makeup += grad_log
        to_slope -= grad_log * over
        to_mix += share * (gain - 1)
        if LINK:
            to_over -= slope * grad_log
        else:
            tl.store(to.over + row * T + t, -slope * grad_log, mask=inside)
    if LINK:
        tl.store(to.over + item * T + t, to_over, mask=inside)
    _to_knob(to.slope, to_slope, item, t, T, inside, NC, MOVES & 1)
    _to_knob(to.makeup, to_makeup, item, t, T, inside, NC, MOVES & 2)
    _to_knob(to.mix, to_mix, item, t, T, inside, NC, MOVES & 4)


class _Curve(NamedTuple):
    """Gradients of what an overshoot is of."""

    key: Tensor
    threshold: Tensor
    width: Tensor


class _Knobs(NamedTuple):
    """What a gain is of, beside the sound and the overshoot."""

    slope: Tensor
    makeup: Tensor
    mix: Tensor


class _ToGain(NamedTuple):
    """Gradients of what a gain is of."""

    x: Tensor
    over: Tensor
    slope: Tensor
    makeup: Tensor
    mix: Tensor


class _Call:
    """Sizes of a call over a signal (B, C, T), and its knobs."""

    def __init__(self, signal: Tensor, over: Tensor, *knobs: Tensor) -> None:
        B, C, T = signal.shape
        stretches = triton.cdiv(T, STRETCH)
        self.grid, self._like = (B * stretches,), signal
        self.sizes = {"T": T, "C": C, "NC": stretches}
        moves = sum((k.shape[-1] != 1) << i for i, k in enumerate(knobs))
        self.about = {
            "MOVES": moves,
            "LINK": over.shape[1] != C,
            "L": STRETCH,
            "num_warps": 8,
            "enable_fp_fusion": True,
        }

    def room(self, knob: Tensor) -> Tensor:
        """For the gradient of a knob: of every sample, or a sum a program."""
        return self._like.new_empty(knob.shape if knob.shape[-1] != 1 else (knob.shape[0], self.sizes["NC"]))

    @staticmethod
    def summed(found: Tensor, knob: Tensor) -> Tensor:
        """The gradient of a knob."""
        return found if knob.shape[-1] != 1 else found.sum(-1, dtype=torch.float64).view(-1, 1, 1).to(found.dtype)


def _where_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which launches on the device of what it is given first."""

    @functools.wraps(function)
    def call(first: Tensor, *args: Any, **options: Any) -> Any:
        with on_device(first.device):
            return function(first, *args, **options)

    return call


@_where_it_is
def overshoot(key: Tensor, offset: Tensor, width: Tensor, floor: float, power: bool, link: bool) -> Tensor:
    """As `gain_constant.overshoot`."""
    over = key.new_empty(key.shape[0], 1 if link else key.shape[1], key.shape[-1])
    call, given = _Call(key, over, offset, width), [t.contiguous() for t in (key, offset, width)]
    _overshoot[call.grid](*given, over, floor**2 if power else floor, **call.sizes, POWER=power, **call.about)
    return over


@_where_it_is
def overshoot_adjoint(
    grad: Tensor, key: Tensor, over: Tensor, threshold: Tensor, width: Tensor, floor: float, power: bool, to_key: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Gradients of key, or None, threshold and width."""
    call = _Call(key, over, threshold, width)
    to = _Curve(key.new_empty(key.shape if to_key else 0), call.room(threshold), call.room(width))
    given = [t.contiguous() for t in (grad, key, over, width)]
    _overshoot_adjoint[call.grid](*given, to, floor**2, **call.sizes, TO_KEY=to_key, POWER=power, **call.about)
    return to.key if to_key else None, call.summed(to.threshold, threshold), call.summed(to.width, width)


@_where_it_is
def gain(x: Tensor, over: Tensor, *knobs: Tensor) -> Tensor:
    """As `gain_constant.gain`."""
    y, call = torch.empty_like(x, memory_format=torch.contiguous_format), _Call(x, over, *knobs)
    given = _Knobs(*(k.contiguous() for k in knobs))
    _gain[call.grid](x.contiguous(), over.contiguous(), given, y, **call.sizes, **call.about)
    return y


@_where_it_is
def gain_adjoint(grad: Tensor, x: Tensor, over: Tensor, *knobs: Tensor, to_x: bool) -> tuple[Any, ...]:
    """As `gain_constant.gain_adjoint`."""
    call = _Call(x, over, *knobs)
    to = _ToGain(x.new_empty(x.shape if to_x else 0), over.new_empty(over.shape), *(call.room(k) for k in knobs))
    given, own = [t.contiguous() for t in (grad, x, over)], _Knobs(*(k.contiguous() for k in knobs))
    _gain_adjoint[call.grid](*given, own, to, **call.sizes, TO_X=to_x, **call.about)
    found = (call.summed(g, k) for g, k in zip(to[2:], knobs, strict=True))
    return to.x if to_x else None, to.over, *found
