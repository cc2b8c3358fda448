"""The delay line with feedback on CUDA devices: one program a row, in blocks that do not read what they write.

A block is as long as the delays of its own samples let it be, so that a sweep is slow only where it is short. Within it
the taps are gathered side by side, and the loop's filters are scans. Backwards a block is one that nothing of it reads;
what the taps of later samples give to a sample is added up in the gradient of the line.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.dsp.interpolation import POINTS, interpolation_table
from diffFx_pytorch.kernels.constants import made_once
from diffFx_pytorch.kernels.cuda import Rows, shared_rows

from . import first_order
from .first_order import last_of, then

CHUNK = 512
"""The most samples of a block."""
LAUNCH = {"num_warps": 4, "enable_fp_fusion": True}


class _Loop(NamedTuple):
    """Gain and filters of the loop; what is absent is not read."""

    feedback: Rows
    lowpass: Rows
    highpass: Rows


@triton.jit
def _at(p, row, t, T, inside, other, MOVES: tl.constexpr):
    """A parameter at times t, in its own dtype."""
    start = p.base + (row // p.each % p.count) * (T if MOVES else 1)
    return tl.load(start + (t if MOVES else 0 * t), mask=inside, other=other)


@triton.jit
def _split(delay, row, t, T, longest, inside, MOVES: tl.constexpr, P: tl.constexpr):
    """Whole part, fraction and half the number of taps of the delay at times t, clamped, NaN to one sample."""
    d = _at(delay, row, t, T, inside, 1.0, MOVES).to(tl.float64)
    d = tl.minimum(tl.where(d >= 1.0, d, 1.0), longest)
    whole = tl.floor(d)
    k = whole.to(tl.int32)
    return k, d - whole, tl.minimum(k, P // 2)


@triton.jit
def _weight(table_ptr, f, taps, p, P: tl.constexpr, POWERS: tl.constexpr):
    """The weight of tap p, a polynomial of the fraction."""
    row = table_ptr + (taps - 1) * (POWERS * P) + p
    w = tl.load(row + (POWERS - 1) * P)
    for i in tl.static_range(1, POWERS):
        w = w * f + tl.load(row + (POWERS - 1 - i) * P)
    return w


@triton.jit
def _tanh(u, KIND: tl.constexpr):
    small: tl.constexpr = 0.02 if KIND == tl.float64 else 0.25  # noqa: SIM300
    e = tl.exp(-2 * tl.abs(u))
    q = u * u
    series = u * (1 + q * (-1 / 3 + q * (2 / 15 + q * (-17 / 315 + q * (62 / 2835)))))
    return tl.where(tl.abs(u) < small, series, tl.where(u < 0, -1.0, 1.0) * (1 - e) / (1 + e))


@triton.jit
def _smoothed(u, c, state, row, t, T, used, MOVES: tl.constexpr, KIND: tl.constexpr, L: tl.constexpr):
    """A one-pole low-pass within a block, and its state after."""
    gain = tl.where(used, 1.0 - _at(c, row, t, T, used, 1.0, MOVES), 0.0).to(KIND)
    d, v = tl.associative_scan((-gain, gain * u), 0, then)
    near = state.to(KIND)
    after = state + last_of(d, L).to(tl.float64) * state + last_of(v, L).to(tl.float64)
    return near + (d * near + v), after


@triton.jit
def _echoes(
    x, delay, loop, table_ptr, tail, out, T, PAD, longest, MOVES: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr,
    SATURATE: tl.constexpr, SHAPE: tl.constexpr, KIND: tl.constexpr,
):  # fmt: skip
    P: tl.constexpr = SHAPE[0]
    POWERS: tl.constexpr = SHAPE[1]
    L: tl.constexpr = SHAPE[2]
    row = tl.program_id(0).to(tl.int64)
    line = out.line + row * (PAD + T) + PAD
    states = tail.base + (row // tail.each % tail.count) * 3
    low, high = tl.load(states + 1), tl.load(states + 2)
    i = tl.arange(0, L)
    first = 0
    while first < T:
        t = first + i
        k, f, taps = _split(delay, row, t, T, longest, t < T, MOVES & 1, P)
        # Samples up to the first that reads one of this block.
        count = tl.min(tl.where((i > k - taps) | (t >= T), i, L), 0)
        used = i < count
        v = tl.zeros((L,), KIND)
        for p in range(P):
            then_at = t - k - P // 2 + p
            there = used & (then_at >= -PAD) & (then_at < first)
            v += _weight(table_ptr, f.to(KIND), taps, p, P, POWERS) * tl.load(line + then_at, mask=there, other=0.0)
        tl.store(out.v + row * T + t, v, mask=used)
        u = v
        if LOW:
            u, low = _smoothed(u, loop.lowpass, low, row, t, T, used, MOVES & 4, KIND, L)
        if HIGH:
            below, high = _smoothed(u, loop.highpass, high, row, t, T, used, MOVES & 8, KIND, L)
            u -= below
        if SATURATE:
            u = _tanh(u, KIND)
        g = _at(loop.feedback, row, t, T, used, 0.0, MOVES & 2).to(KIND)
        given = tl.load(x.base + (row // x.each % x.count) * T + t, mask=used, other=0.0)
        tl.store(line + t, given + g * u, mask=used)
        tl.debug_barrier()
        first += count
    end = out.state + row * 3
    tl.store(end, tl.load(states))
    tl.store(end + 1, low)
    tl.store(end + 2, high)


class _Out(NamedTuple):
    """What is filled: taps (R, T), lines (R, PAD + T) and states (R, 3)."""

    v: Tensor
    line: Tensor
    state: Tensor


@triton.jit
def _latest(a, b):
    return tl.maximum(a, b)


@triton.jit
def _adjoint_smoothed(u, c, state, row, t, T, used, MOVES: tl.constexpr, KIND: tl.constexpr):
    """The adjoint of a one-pole within a block, l[n] = u[n] + c[n + 1] l[n + 1], and that of its first sample."""
    c_next = _at(c, row, t + 1, T, used & (t + 1 < T), 1.0, MOVES)
    d = tl.where(used, c_next - 1.0, 0.0).to(KIND)
    d, v = tl.associative_scan((d, tl.where(used, u, 0.0)), 0, then, reverse=True)
    near = state.to(KIND)
    found = near + (d * near + v)
    first = tl.arange(0, u.shape[0]) == 0
    before = tl.sum(tl.where(first, d, 0), 0).to(tl.float64) * state + tl.sum(tl.where(first, v, 0), 0).to(tl.float64)
    return found, state + before


@triton.jit
def _echoes_adjoint(
    gv, delay, loop, table_ptr, bend_ptr, end, to, T, PAD, longest, MOVES: tl.constexpr, LOW: tl.constexpr,
    HIGH: tl.constexpr, SHAPE: tl.constexpr, KIND: tl.constexpr,
):  # fmt: skip
    """Gradients of the lines, taps and filters; ``bend`` is the slope of the loop's saturation times its gain."""
    P: tl.constexpr = SHAPE[0]
    POWERS: tl.constexpr = SHAPE[1]
    L: tl.constexpr = SHAPE[2]
    row = tl.program_id(0).to(tl.int64)
    line = to.line + row * (PAD + T) + PAD
    states = end.base + (row // end.each % end.count) * 3
    low, high = tl.load(states + 1).to(tl.float64), tl.load(states + 2).to(tl.float64)
    i = tl.arange(0, L)
    stop = T
    while stop > 0:
        t = stop - L + i
        k, f, taps = _split(delay, row, t, T, longest, t >= 0, MOVES & 1, P)
        # From the earliest sample on of which none reads another: what they read lies before all of them.
        read = tl.associative_scan(t - k + taps - 1, 0, _latest, reverse=True)
        used = (read < t) & (t >= 0)
        gw = tl.load(line + t, mask=used, other=0.0, cache_modifier=".cg")
        a = gw * tl.load(bend_ptr + row * T + t, mask=used, other=0.0)
        if HIGH:
            down, high = _adjoint_smoothed(-a, loop.highpass, high, row, t, T, used, MOVES & 8, KIND)
            tl.store(to.high + row * T + t, down, mask=used)
            a += tl.where(used, 1.0 - _at(loop.highpass, row, t, T, used, 1.0, MOVES & 8), 0.0).to(KIND) * down
        if LOW:
            a, low = _adjoint_smoothed(a, loop.lowpass, low, row, t, T, used, MOVES & 4, KIND)
            tl.store(to.low + row * T + t, a, mask=used)
            a = tl.where(used, 1.0 - _at(loop.lowpass, row, t, T, used, 1.0, MOVES & 4), 0.0).to(KIND) * a
        a += tl.load(gv.base + (row // gv.each % gv.count) * T + t, mask=used, other=0.0)
        tl.store(to.v + row * T + t, a, mask=used)
        for p in range(P):
            then_at = t - k - P // 2 + p
            there = used & (then_at >= -PAD) & (then_at < t)
            w = _weight(table_ptr, f.to(KIND), taps, p, P, POWERS)
            tl.atomic_add(line + then_at, w * a, mask=there, sem="relaxed")
            tl.debug_barrier()
        stop -= tl.sum(used.to(tl.int32), 0)
    tl.store(to.state + row * 3 + 1, low)
    tl.store(to.state + row * 3 + 2, high)


class _To(NamedTuple):
    """What is filled: gradients of lines, taps, the filters' outputs (R, T) and the states (R, 3)."""

    line: Tensor
    v: Tensor
    low: Tensor
    high: Tensor
    state: Tensor


@triton.jit
def _slopes(
    v_ptr, delay, table_ptr, line_ptr, to_ptr, T, PAD, NC, longest, MOVES: tl.constexpr, SHAPE: tl.constexpr,
    KIND: tl.constexpr,
):  # fmt: skip
    """The gradient of the delays at every sample: the taps' slope."""
    P: tl.constexpr = SHAPE[0]
    POWERS: tl.constexpr = SHAPE[1]
    L: tl.constexpr = SHAPE[2]
    row, chunk = (tl.program_id(0) // NC).to(tl.int64), tl.program_id(0) % NC
    t = chunk * L + tl.arange(0, L)
    inside = t < T
    k, f, taps = _split(delay, row, t, T, longest, inside, MOVES & 1, P)
    line = line_ptr + row * (PAD + T) + PAD
    slope = tl.zeros((L,), KIND)
    for p in range(P):
        then_at = t - k - P // 2 + p
        there = inside & (then_at >= -PAD) & (then_at < t)
        w = _weight(table_ptr, f.to(KIND), taps, p, P, POWERS)
        slope += w * tl.load(line + then_at, mask=there, other=0.0)
    tl.store(to_ptr + row * T + t, slope * tl.load(v_ptr + row * T + t, mask=inside, other=0.0), mask=inside)


def serves(inputs: Any, interpolation: str, saturate: bool, limit: float) -> bool:
    """Lines with feedback, but for the all-pass interpolator; without feedback nothing is recursive."""
    return inputs.feedback is not None and interpolation != "allpass" and inputs.x.shape[-1] < 2**30


def _slope_table(interpolation: str) -> Any:
    """Of the derivatives of the weights."""
    table = interpolation_table(interpolation)
    slopes = 0 * table
    for i in range(1, table.shape[1]):
        slopes[:, i - 1] = i * table[:, i]
    return slopes


class _Line:
    """A call: its parameters as rows, its sizes and the weights of its taps."""

    def __init__(
        self, batch_shape: tuple[int, ...], inputs: Any, samples: int, interpolation: str, limit: float
    ) -> None:
        self.batch_shape, self.rows = batch_shape, math.prod(batch_shape)
        kind, device = inputs.x.dtype, inputs.x.device
        self.delay = shared_rows(inputs.delay, 1, batch_shape)
        given = inputs.feedback, inputs.lowpass, inputs.highpass
        self.loop = _Loop(*(self.delay if p is None else shared_rows(p, 1, batch_shape) for p in given))
        past = POINTS[interpolation] if inputs.past is None else inputs.past.shape[-1]
        self.tables = [
            made_once(make, interpolation, dtype=kind, device=device) for make in (interpolation_table, _slope_table)
        ]
        moves = [p is not None and p.shape[-1] != 1 for p in (inputs.delay, *given)]
        self.sizes = {"T": samples, "PAD": past, "longest": float(min(limit, past + samples + POINTS[interpolation]))}
        self.about = {
            "MOVES": sum(m << i for i, m in enumerate(moves)),
            "SHAPE": (POINTS[interpolation], self.tables[0].shape[1], CHUNK),
            "KIND": tl.float64 if kind == torch.float64 else tl.float32,
            **LAUNCH,
        }
        self.filters = {"LOW": inputs.lowpass is not None, "HIGH": inputs.highpass is not None}


def forward(
    batch_shape: tuple[int, ...], inputs: Any, outputs: Any, interpolation: str, saturate: bool, limit: float
) -> None:
    """As `Kernel.forward` of ``diffFx::feedback_delay``."""
    x = shared_rows(inputs.x, 1, batch_shape)
    line = _Line(batch_shape, inputs, x.base.shape[-1], interpolation, limit)
    outputs.line[..., : line.sizes["PAD"]] = 0 if inputs.past is None else inputs.past
    tail = shared_rows(inputs.tail.double(), 1, batch_shape)
    out = _Out(outputs.v, outputs.line, outputs.state)
    about = {**line.sizes, **line.about, **line.filters, "SATURATE": saturate}
    _echoes[(line.rows,)](x, line.delay, line.loop, line.tables[0], tail, out, **about)


def backward(
    batch_shape: tuple[int, ...],
    grads: Any,
    inputs: Any,
    saved: Any,
    needs: Any,
    interpolation: str,
    saturate: bool,
    limit: float,
) -> list[Tensor | None]:
    """As `Kernel.backward`."""
    samples, kind = grads.v.shape[-1], grads.v.dtype
    line = _Line(batch_shape, inputs, samples, interpolation, limit)
    low, high, heard = _filtered(batch_shape, inputs, saved.v)
    bend = inputs.feedback.to(kind).expand(*batch_shape, samples)
    if saturate:
        heard = torch.tanh(heard)
        bend = bend * (1 - heard * heard)
    empty = saved.v.new_empty
    to_line = saved.line * 0 if grads.line is None else grads.line.expand(saved.line.shape).clone()
    to_state = grads.state.expand(*batch_shape, 3).double().clone()
    to = _To(to_line.contiguous(), *(empty(*batch_shape, samples) for _ in range(3)), to_state.contiguous())
    given, end = shared_rows(grads.v, 1, batch_shape), shared_rows(grads.state, 1, batch_shape)
    about = {**line.sizes, **line.about, **line.filters}
    _echoes_adjoint[(line.rows,)](given, line.delay, line.loop, line.tables[0], bend.contiguous(), end, to, **about)
    past = line.sizes["PAD"]
    to_x, to_past = to.line[..., past:], to.line[..., :past]
    to_delay = None
    if needs.delay:
        to_delay, chunks = empty(*batch_shape, samples), triton.cdiv(samples, CHUNK)
        _slopes[(line.rows * chunks,)](
            to.v, line.delay, line.tables[1], saved.line, to_delay, NC=chunks, **line.sizes, **line.about
        )
        to_delay = _summed(to_delay, inputs.delay)
    to_feedback = _summed(to_x * heard, inputs.feedback) if needs.feedback else None
    to_low = _to_pole(to.low, low, saved.v, inputs.lowpass, inputs.tail[..., 1:2]) if needs.lowpass else None
    before = saved.v if low is None else low
    to_high = _to_pole(to.high, high, before, inputs.highpass, inputs.tail[..., 2:]) if needs.highpass else None
    for i, (c, g) in enumerate(((inputs.lowpass, to.low), (inputs.highpass, to.high)), 1):
        if c is not None:
            to.state[..., i] = c[..., 0] * g[..., 0]
    return [to_x, to_delay, to_feedback, to_low, to_high, to_past, to.state]


def _filtered(batch_shape: tuple[int, ...], inputs: Any, v: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor]:
    """The low-pass, what the high-pass takes away, and what is left, of known taps."""

    def smoothed(u: Tensor, c: Tensor, start: Tensor) -> Tensor:
        gain = (1 - c).to(u.dtype)
        y, driven = torch.empty_like(u), Rows((gain * u).view(-1, u.shape[-1]), 1, math.prod(batch_shape))
        rows = shared_rows(-gain, 1, batch_shape), shared_rows(start.double(), 1, batch_shape)
        first_order.scan(driven, *rows, y, delta=True)
        return y

    low = None if inputs.lowpass is None else smoothed(v, inputs.lowpass, inputs.tail[..., 1:2])
    heard = v if low is None else low
    if inputs.highpass is None:
        return low, None, heard
    high = smoothed(heard, inputs.highpass, inputs.tail[..., 2:])
    return low, high, heard - high


def _to_pole(to_y: Tensor, y: Tensor | None, u: Tensor, c: Tensor, start: Tensor) -> Tensor:
    """The gradient of the coefficient of y[n] = c y[n - 1] + (1 - c) u[n]."""
    assert y is not None
    before = torch.cat([start.to(y.dtype).expand(*y.shape[:-1], 1), y[..., :-1]], -1)
    return _summed(to_y * (before - u), c)


def _summed(grad: Tensor, p: Tensor) -> Tensor:
    return grad if p.shape[-1] != 1 else grad.sum(-1, keepdim=True, dtype=torch.float64)
