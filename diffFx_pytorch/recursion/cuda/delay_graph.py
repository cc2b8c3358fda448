"""Graphs of delay lines on CUDA devices: one program a row, in blocks as long as the shortest delay.

The diagram is a constant of the kernel, so its steps are laid out one after the other when it is compiled, and a node
is a value in registers. Within a block everything that the lines give is known; filters are scans. Backwards the nodes
of a block are computed again from the lines, then the steps run from the last to the first; what comes back to a line
waits in a ring. Nodes are in float64, lines in the precision of the sound.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.kernels.cuda import shared_rows
from diffFx_pytorch.recursion.graph import READ, SPREAD, WIDTH

from .chunks import GRAPH
from .first_order import then
from .graph_nodes import IS_MIX, IS_OUT, IS_POLE, IS_WRITE, Graph, curve, gain, nodes_of, place, split, stored, taps

BACK_REGISTERS = 160
"""Of the gradient where delays stand still: the compiler stops at 128, and keeps a number in memory."""
MOST_STEPS = 256
"""Of a graph: its kernel is as long as they are."""


@triton.jit
def _moved(source, target, line: tl.constexpr, room, of, to, SHAPE: tl.constexpr, OUTWARDS, RING: tl.constexpr):
    """Copy what a line remembers at time ``of`` from a state into the line, or out of it."""
    L: tl.constexpr = SHAPE[8]
    longest: tl.constexpr = SHAPE[1][line]
    for first in range(0, longest, L):
        i = first + tl.arange(0, L)
        inside = i < longest
        there = place(source if OUTWARDS else target, line, of - longest + i, room, SHAPE, RING)
        state = (target if OUTWARDS else source) + to + SHAPE[2][line] + i
        if OUTWARDS:
            tl.store(state, tl.load(there, mask=inside, other=0.0, cache_modifier=".cg"), mask=inside)
        else:
            tl.store(there, tl.load(state, mask=inside, other=0.0).to(target.dtype.element_ty), mask=inside)


class _Made(NamedTuple):
    """What is filled: outputs (OUT, T), lines, the state (P), filters' states (N), those before chunks (chunks, N)."""

    y: Tensor
    lines: Tensor
    end: Tensor
    poles: Tensor
    checkpoints: Tensor


@triton.jit(do_not_specialize=["T", "room", "size"])
def _play(graph, past, poles, to, T, room, size, SHAPE: tl.constexpr, RING: tl.constexpr):
    LINES: tl.constexpr = len(SHAPE[1])
    L: tl.constexpr = SHAPE[8]
    N: tl.constexpr = SHAPE[9]
    OUTS: tl.constexpr = SHAPE[10]
    P: tl.constexpr = SHAPE[11]
    row = tl.program_id(0).to(tl.int64)
    lines, i = to.lines + row * size, tl.arange(0, L)
    for line in tl.static_range(LINES):
        _moved(past.base, lines, line, room, 0, (row // past.each % past.count) * P, SHAPE, False, RING)
    block = tl.load(graph.block.base + row // graph.block.each % graph.block.count)
    own = (row // poles.each % poles.count) * N
    for k in tl.static_range(N):
        tl.store(to.poles + row * N + k, tl.load(poles.base + own + k))
    tl.debug_barrier()
    first = 0
    while first < T:
        begin = first // L * L
        count = tl.minimum(tl.minimum(block, begin + L - first), T - first)
        t, used = first + i, i < count
        states = stored(row * N, to.poles, SHAPE)
        if first == begin:
            for k in tl.static_range(N):
                tl.store(to.checkpoints + (row * tl.cdiv(T, L) + begin // L) * N + k, states[k])
        nodes, after = nodes_of(graph, lines, states, row, t, used, T, room, SHAPE, RING, True)
        for s in tl.static_range(len(SHAPE[0])):
            if SHAPE[0][s][0] == IS_OUT:
                heard = to.y + (row * OUTS + SHAPE[0][s][1]) * T + t
                tl.store(heard, nodes[SHAPE[0][s][2]].to(to.y.dtype.element_ty), mask=used)
        tl.debug_barrier()
        for k in tl.static_range(N):
            tl.store(to.poles + row * N + k, after[k])
        tl.debug_barrier()
        first += count
    for line in tl.static_range(LINES):
        _moved(lines, to.end, line, room, T, row * P, SHAPE, True, RING)


@triton.jit
def _times(value, count: tl.constexpr):
    values = ()
    for _ in tl.static_range(count):
        values = values + (value,)
    return values


@triton.jit
def _with(values, at: tl.constexpr, value):
    """A tuple with something added to one of it."""
    return values[:at] + (values[at] + value,) + values[at + 1 :]


@triton.jit
def _come_back(pending, line: tl.constexpr, t, g, used, SHAPE: tl.constexpr):
    """Add to what waits for a line."""
    tl.atomic_add(place(pending, line, t, SHAPE[8], SHAPE, True), g, mask=used, sem="relaxed")


@triton.jit
def _one_before(values, first, begin, t):
    """Values of one sample before, ``first`` before the first, which is at time ``begin``."""
    i = tl.arange(0, values.shape[0])
    return tl.where(t > begin, tl.gather(values, tl.where(i > 0, i - 1, 0), 0), first)


class _To(NamedTuple):
    """What is filled: gradients of x (IN, T), gains and delays (K and M, T or parts of a sum), lines, states (N).

    Lines are rings, and begin with what comes from after the end.
    """

    x: Tensor
    gains: Tensor
    delay: Tensor
    pending: Tensor
    poles: Tensor


@triton.jit
def _kept(values, base, row, t, used, T, MOVES: tl.constexpr, L: tl.constexpr):
    """Add a block's gradients of gains or delays to those of others."""
    for k in tl.static_range(len(values)):
        width = T if MOVES else L
        own = base + (row * len(values) + k) * width + (t if MOVES else tl.arange(0, L))
        tl.store(own, tl.load(own, mask=used, other=0.0) + values[k], mask=used)


@triton.jit
def _stepped_back(
    graph, gy, lines, pending, carried, nodes, before, grads, to_gains, to_delay, row, start, stop, T,
    s: tl.constexpr, SHAPE: tl.constexpr,
):  # fmt: skip
    """What step s hands back in the block from ``start`` to ``stop``, a part of a chunk.

    To nodes, gains, delays and lines; and to the state before a filter, else 0.
    """
    op: tl.constexpr = SHAPE[0][s][0]
    out: tl.constexpr = SHAPE[0][s][1]
    a: tl.constexpr = SHAPE[0][s][2]
    b: tl.constexpr = SHAPE[0][s][3]
    k: tl.constexpr = SHAPE[0][s][4]
    L: tl.constexpr = SHAPE[8]
    OUTS: tl.constexpr = SHAPE[10]
    begin = start // L * L
    t = begin + tl.arange(0, L)
    used = (t >= start) & (t < stop)
    state = 0.0
    if op == IS_OUT:
        at = gy.base + ((row // gy.each % gy.count) * OUTS + out) * T + t
        grads = _with(grads, a, tl.load(at, mask=used, other=0.0).to(tl.float64))
    elif op == IS_WRITE:
        there = place(pending, b, t, L, SHAPE, True)
        g = tl.load(there, mask=used, other=0.0, cache_modifier=".cg")
        grads = _with(grads, a, g)
        tl.store(there, tl.zeros((L,), tl.float64), mask=used)  # its place in the ring is free
    elif op == IS_MIX:
        g = grads[out]
        grads = _with(_with(grads, a, g), b, gain(graph, k, row, t, used, T, SHAPE) * g)
        if k >= 0:
            to_gains = _with(to_gains, k, g * nodes[b])
    elif op == IS_POLE:
        p = tl.where(used, gain(graph, k, row, t, used, T, SHAPE), 0.0)
        inner = used & (t + 1 < stop)
        d = tl.where(inner, gain(graph, k, row, t + 1, inner, T, SHAPE) - 1.0, 0.0)
        d, v = tl.associative_scan((d, grads[out]), 0, then, reverse=True)
        g = tl.where(used, carried[b] + (d * carried[b] + v), 0.0)
        grads = _with(grads, a, (1.0 - p) * g)
        to_gains = _with(to_gains, k, g * (_one_before(nodes[out], before[b], begin, t) - nodes[a]))
        state = tl.sum(tl.where(t == start, p * g, 0.0), 0)
    else:
        g = grads[out]
        if k < 0:
            there = place(pending, a, t - b, L, SHAPE, True)
            tl.debug_barrier()  # other steps hand back to other samples of the line
            tl.store(there, tl.load(there, mask=used, other=0.0, cache_modifier=".cg") + g, mask=used)
        else:
            whole, f = split(graph, k, b, row, t, used, T, SHAPE)
            newer, here, older, oldest = taps(lines, a, t - whole, used, T, SHAPE, False)
            slope, square, cubic = curve(newer, here, older, oldest)
            to_delay = _with(to_delay, k, 0.5 * g * (slope + f * (2 * square + 3 * f * cubic)))
            tl.debug_barrier()
            _come_back(pending, a, t - whole + 1, 0.5 * f * (f * (2 - f) - 1) * g, used, SHAPE)
            _come_back(pending, a, t - whole, (1 + 0.5 * f * f * (3 * f - 5)) * g, used, SHAPE)
            _come_back(pending, a, t - whole - 1, 0.5 * f * (1 + f * (4 - 3 * f)) * g, used, SHAPE)
            _come_back(pending, a, t - whole - 2, 0.5 * f * f * (f - 1) * g, used, SHAPE)
    return grads, to_gains, to_delay, state


@triton.jit(do_not_specialize=["T", "size"])
def _play_back(graph, gy, lines, checkpoints, to, T, size, SHAPE: tl.constexpr):
    COUNT: tl.constexpr = len(SHAPE[0])
    IN: tl.constexpr = SHAPE[3]
    L: tl.constexpr = SHAPE[8]
    N: tl.constexpr = SHAPE[9]
    row = tl.program_id(0).to(tl.int64)
    lines += row * size
    pending = to.pending + row * (SHAPE[11] + len(SHAPE[1]) * L)
    block = tl.load(graph.block.base + row // graph.block.each % graph.block.count)
    stop = T
    while stop > 0:
        begin = (stop - 1) // L * L
        start = tl.maximum(begin, stop - block)
        t = begin + tl.arange(0, L)
        used = (t >= start) & (t < stop)
        before = stored((row * tl.cdiv(T, L) + begin // L) * N, checkpoints, SHAPE)
        carried = stored(row * N, to.poles, SHAPE)
        nodes, _ = nodes_of(graph, lines, before, row, t, t < stop, T, T, SHAPE, False, False)
        zero = tl.zeros((L,), tl.float64)
        grads = _times(zero, len(nodes))
        to_gains, to_delay = _times(zero, SHAPE[4]), _times(zero, SHAPE[6])
        after = ()
        for back in tl.static_range(COUNT):
            grads, to_gains, to_delay, state = _stepped_back(
                graph, gy, lines, pending, carried, nodes, before, grads, to_gains, to_delay, row, start, stop,
                T, COUNT - 1 - back, SHAPE,
            )  # fmt: skip
            if SHAPE[0][COUNT - 1 - back][0] == IS_POLE:
                after = (state,) + after
        for c in tl.static_range(IN):
            tl.store(to.x + (row * IN + c) * T + t, grads[c].to(to.x.dtype.element_ty), mask=used)
        _kept(to_gains, to.gains, row, t, used, T, SHAPE[5], L)
        _kept(to_delay, to.delay, row, t, used, T, SHAPE[7], L)
        tl.debug_barrier()
        for k in tl.static_range(N):
            tl.store(to.poles + row * N + k, after[k])
        tl.debug_barrier()
        stop = start


class _Call:
    """A call: its arguments as rows, and its sizes."""

    def __init__(
        self, batch_shape: tuple[int, ...], inputs: Any, steps: list[int], longest: list[int], outputs: int
    ) -> None:
        x, gains, delay, _, poles = inputs
        self.batch_shape, self.rows, self.T = batch_shape, math.prod(batch_shape), x.shape[-1]
        table = tuple(tuple(steps[i : i + WIDTH]) for i in range(0, len(steps), WIDTH))
        shortest = min((s[3] for s in table if s[0] == READ and s[4] < 0), default=GRAPH)
        least = delay.nan_to_num(SPREAD).flatten(-2).clamp(SPREAD, GRAPH + SPREAD)
        # A moving delay reads on to the sample before it.
        least = least.amin(-1, keepdim=True).floor() - 1 if least.shape[-1] else least.new_full((1,), shortest)
        block = least.clamp(max=shortest).int()
        given = (x, 2), (gains.double(), 2), (delay.double(), 2), (block, 1)
        self.graph = Graph(*(shared_rows(t, core, batch_shape) for t, core in given))
        starts = (0, *itertools.accumulate(longest))
        self.total = starts[-1] + len(longest) * self.T
        self.shape = (
            *(table, tuple(longest), starts[:-1], x.shape[-2]),
            *(gains.shape[-2], gains.shape[-1] > 1, delay.shape[-2], delay.shape[-1] > 1),
            *(GRAPH, poles.shape[-1], outputs, starts[-1]),
        )
        self.about = {"SHAPE": self.shape, "num_warps": 8, "enable_fp_fusion": True}
        self.ring = starts[-1] + len(longest) * GRAPH


def serves(inputs: Any, steps: list[int], longest: list[int], nodes: int, outputs: int) -> bool:
    """Graphs that are not too long to be one kernel, and lines that 32 bits can count."""
    samples = sum(longest) + len(longest) * inputs.x.shape[-1]
    return len(steps) <= MOST_STEPS * WIDTH and samples < 2**31 and bool(longest)


def forward(
    batch_shape: tuple[int, ...],
    inputs: Any,
    outputs: Any,
    steps: list[int],
    longest: list[int],
    nodes: int,
    count: int,
) -> None:
    """As `Kernel.forward` of ``diffFx::delay_graph``."""
    call = _Call(batch_shape, inputs, steps, longest, count)
    kept = outputs.lines.shape[-1] == call.total
    room, size = (call.T, call.total) if kept else (GRAPH, call.ring)
    lines = outputs.lines if kept else inputs.x.new_empty(call.rows, size)
    chunks = triton.cdiv(call.T, GRAPH)
    poles = outputs.new_poles
    states = outputs.pole_states if kept else poles.new_empty(call.rows, chunks, poles.shape[-1])
    past, before = (shared_rows(t, 1, batch_shape) for t in (inputs.past, inputs.poles.double()))
    made = _Made(outputs.y, lines, outputs.end, poles, states)
    _play[(call.rows,)](call.graph, past, before, made, call.T, room, size, RING=not kept, **call.about)


def backward(
    batch_shape: tuple[int, ...],
    grads: Any,
    inputs: Any,
    saved: Any,
    needs: Any,
    steps: list[int],
    longest: list[int],
    nodes: int,
    outputs: int,
) -> list[Tensor | None]:
    """As `Kernel.backward`."""
    call = _Call(batch_shape, inputs, steps, longest, outputs)
    x, gains, delay = inputs[:3]
    zeros = x.new_zeros((), dtype=torch.float64)
    # Where a state stands in the rings when time is T, or 0.
    parts = [torch.arange(n, device=x.device) for n in longest]
    begins = [start + k * GRAPH for k, start in enumerate(call.shape[2])]

    def places(time: int) -> Tensor:
        return torch.cat([b + (time + p) % (n + GRAPH) for b, p, n in zip(begins, parts, longest, strict=True)])

    pending = zeros.new_zeros(call.rows, call.ring)
    pending[:, places(call.T)] = grads.end.double().expand(*batch_shape, -1).reshape(call.rows, -1)
    to = _To(
        x.new_empty(*batch_shape, *x.shape[-2:]),
        *(
            zeros.new_zeros(*batch_shape, t.shape[-2], t.shape[-1] if t.shape[-1] > 1 else GRAPH)
            for t in (gains, delay)
        ),
        pending,
        grads.new_poles.double().expand(*batch_shape, -1).clone(memory_format=torch.contiguous_format),
    )
    gy = shared_rows(grads.y, 2, batch_shape)
    about = call.about if delay.shape[-1] > 1 else {**call.about, "maxnreg": BACK_REGISTERS}
    _play_back[(call.rows,)](call.graph, gy, saved.lines, saved.pole_states, to, call.T, call.total, **about)
    to_gains, to_delay = (
        g if t.shape[-1] > 1 else g.sum(-1, keepdim=True) for g, t in ((to.gains, gains), (to.delay, delay))
    )
    return [to.x, to_gains, to_delay, pending[:, places(0)].view(*batch_shape, -1), to.poles]
