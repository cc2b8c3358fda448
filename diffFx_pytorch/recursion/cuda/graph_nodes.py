"""The nodes of a graph of delay lines within a block, in kernels whose constant is the diagram.

The constant, ``SHAPE``: 0 the steps; of each line 1 how many samples it remembers and 2 how many those before it do;
3 inputs; 4 gains and 5 whether they move; 6 delays and 7 whether they move; 8 samples of a chunk; 9 filters;
10 outputs; 11 samples that all lines remember.
"""

from __future__ import annotations

from typing import NamedTuple

import triton
import triton.language as tl

from diffFx_pytorch.kernels.cuda import Rows
from diffFx_pytorch.recursion.graph import MIX, OUT, PLUS, POLE, READ, SPREAD, WRITE

from .first_order import last_of, then

IS_READ, IS_MIX, IS_POLE, IS_WRITE, IS_OUT = (tl.constexpr(op) for op in (READ, MIX, POLE, WRITE, OUT))
_PLUS, _SPREAD = tl.constexpr(PLUS), tl.constexpr(SPREAD)


class Graph(NamedTuple):
    """What is read: x (inputs, T), gains (K, T or 1), delays (M, T or 1), samples of a block."""

    x: Rows
    gains: Rows
    delay: Rows
    block: Rows


@triton.jit
def place(lines, line: tl.constexpr, t, room, SHAPE: tl.constexpr, RING: tl.constexpr):
    """Where sample t of a line lies, one from before the signal too: in a ring of a block and what it remembers."""
    start: tl.constexpr = SHAPE[2][line]
    longest: tl.constexpr = SHAPE[1][line]
    at = (t + longest) % (longest + room) if RING else t + longest
    return lines + start + line * room + at


@triton.jit
def _number(given, k: tl.constexpr, row, t, used, T, COUNT: tl.constexpr, MOVES: tl.constexpr):
    """A gain or a delay in a block."""
    at = given.base + ((row // given.each % given.count) * COUNT + k) * (T if MOVES else 1)
    return tl.load(at + t, mask=used, other=0.0) if MOVES else tl.load(at)


@triton.jit
def gain(graph, k: tl.constexpr, row, t, used, T, SHAPE: tl.constexpr):
    """A gain of the diagram, by number, in a block."""
    if k < 0:
        return 1.0 if k == _PLUS else -1.0
    else:
        return _number(graph.gains, k, row, t, used, T, SHAPE[4], SHAPE[5])


@triton.jit
def split(graph, k: tl.constexpr, longest: tl.constexpr, row, t, used, T, SHAPE: tl.constexpr):
    """Whole samples of a moving delay and the rest; out of range is clamped, NaN the least."""
    d = _number(graph.delay, k, row, t, used, T, SHAPE[6], SHAPE[7]) + tl.zeros(t.shape, tl.float64)
    d = tl.minimum(tl.where(d >= _SPREAD, d, _SPREAD + 0.0), longest + 0.0)
    whole = tl.floor(d)
    return whole.to(tl.int32), d - whole


@triton.jit
def taps(lines, line: tl.constexpr, t, used, room, SHAPE: tl.constexpr, RING: tl.constexpr):
    """The four samples around a moving delay, from the newest to the oldest, in float64."""
    newer = tl.load(place(lines, line, t + 1, room, SHAPE, RING), mask=used, other=0.0).to(tl.float64)
    here = tl.load(place(lines, line, t, room, SHAPE, RING), mask=used, other=0.0).to(tl.float64)
    older = tl.load(place(lines, line, t - 1, room, SHAPE, RING), mask=used, other=0.0).to(tl.float64)
    oldest = tl.load(place(lines, line, t - 2, room, SHAPE, RING), mask=used, other=0.0).to(tl.float64)
    return newer, here, older, oldest


@triton.jit
def curve(newer, here, older, oldest):
    """The cubic between ``here`` and ``older``: its three factors, twice as large."""
    return older - newer, 2 * newer - 5 * here + 4 * older - oldest, oldest - newer + 3 * (here - older)


@triton.jit
def _stepped(
    graph, lines, states, nodes, after, row, t, used, T, room, s: tl.constexpr, SHAPE: tl.constexpr,
    RING: tl.constexpr, WRITES: tl.constexpr,
):  # fmt: skip
    """What step s adds to the nodes and to the states of the filters."""
    op: tl.constexpr = SHAPE[0][s][0]
    a: tl.constexpr = SHAPE[0][s][2]
    b: tl.constexpr = SHAPE[0][s][3]
    k: tl.constexpr = SHAPE[0][s][4]
    L: tl.constexpr = SHAPE[8]
    if op == IS_READ:
        if k < 0:
            heard = tl.load(place(lines, a, t - b, room, SHAPE, RING), mask=used, other=0.0).to(tl.float64)
        else:
            whole, f = split(graph, k, b, row, t, used, T, SHAPE)
            newer, here, older, oldest = taps(lines, a, t - whole, used, room, SHAPE, RING)
            slope, square, cubic = curve(newer, here, older, oldest)
            heard = here + 0.5 * f * (slope + f * (square + f * cubic))
        nodes = nodes + (heard,)
    elif op == IS_MIX:
        nodes = nodes + (nodes[a] + gain(graph, k, row, t, used, T, SHAPE) * nodes[b],)
    elif op == IS_POLE:
        less = tl.where(used, 1.0 - gain(graph, k, row, t, used, T, SHAPE), 0.0)
        d, v = tl.associative_scan((-less, less * nodes[a]), 0, then)
        nodes = nodes + (states[b] + (d * states[b] + v),)
        after = after + (states[b] + (last_of(d, L) * states[b] + last_of(v, L)),)
    elif op == IS_WRITE and WRITES:
        tl.store(place(lines, b, t, room, SHAPE, RING), nodes[a].to(lines.dtype.element_ty), mask=used)
    return nodes, after


@triton.jit
def nodes_of(
    graph, lines, states, row, t, used, T, room, SHAPE: tl.constexpr, RING: tl.constexpr, WRITES: tl.constexpr
):
    """Every node in a block, and the states of the filters after it; ``states`` those before."""
    IN: tl.constexpr = SHAPE[3]
    nodes, after = (), ()
    for c in tl.static_range(IN):
        x = tl.load(graph.x.base + ((row // graph.x.each % graph.x.count) * IN + c) * T + t, mask=used, other=0.0)
        nodes = nodes + (x.to(tl.float64),)
    for s in tl.static_range(len(SHAPE[0])):
        nodes, after = _stepped(graph, lines, states, nodes, after, row, t, used, T, room, s, SHAPE, RING, WRITES)
    return nodes, after


@triton.jit
def stored(first, base, SHAPE: tl.constexpr):
    """The states of the filters, as they are at a place."""
    N: tl.constexpr = SHAPE[9]
    states = ()
    for k in tl.static_range(N):
        states = states + (tl.load(base + first + k),)
    return states
