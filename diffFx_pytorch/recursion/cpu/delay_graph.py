"""A graph of delay lines, block by block: within the shortest delay all that the lines give is known before.

So every step but a one-pole filter is a loop over independent samples, and the few steps are interpreted once a block.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import fma, load, load_wide, store, where
from diffFx_pytorch.recursion.graph import MIX, OUT, PLUS, POLE, READ, SPREAD, WRITE

from .buffers import move_back
from .delay_graph_groups import all_pass, bank, taps
from .delay_graph_plan import ALL_PASS, BANK, TAPS
from .taps import BLOCK, KERNEL, LANES, copy_range, new_taps, prepare_taps, read_time_varying

CHUNK = 256
"""Samples between checkpoints of the filters' states; a block never crosses a border between chunks."""

WIDE = CHUNK + LANES
"""Columns of a bus: a time-varying read runs on to a whole vector."""

_ROOM = 4096
_THRESHOLD = 1e-200


class Graph(NamedTuple):
    """What a row plays."""

    steps: Any
    """(S, 6), those of the graph or as ``planned``."""
    more: Any
    """The list that planned steps refer to."""
    base: Any
    """(L,), where each line begins among all lines."""
    gains: Any
    """(K, T or 1)."""
    delay: Any
    """(M, T or 1)."""
    tables: Any
    """Weights and slopes of time-varying reads."""
    taps: Any
    """Room for them."""
    places: Any
    """Room for the places of a group."""
    values: Any
    """Room for its numbers."""


@njit(**INNER)
def longest_block(steps, delay):  # pragma: no cover
    """Samples that can be computed at once, whole vectors if possible; 0 where a moving delay is illegal."""
    shortest = np.int64(CHUNK)
    for s in range(steps.shape[0]):
        if steps[s, 0] != READ:
            continue
        m = steps[s, 4]
        if m < 0:
            shortest = min(shortest, steps[s, 3])
            continue
        low, high = np.inf, -np.inf
        for n in range(delay.shape[1]):
            d = delay[m, n]
            low, high = min(low, d), max(high, d)
            if d != d:
                return np.int64(0)
        if delay.shape[1]:
            if low < SPREAD or high > steps[s, 3]:
                return np.int64(0)
            shortest = min(shortest, np.int64(np.floor(low)) - 1)
    return shortest // LANES * LANES if shortest > LANES else shortest


@njit(**INNER)
def line_places(longest, room, base):  # pragma: no cover
    """Fill ``base``, where the present of each line begins, after ``longest`` samples and before a room; their sum."""
    total = np.int64(0)
    for k in range(longest.shape[0]):
        base[k] = total + longest[k]
        total += longest[k] + room
    return total


@njit(**INNER)
def room_of(longest, T):  # pragma: no cover
    """Samples of the present that a ring of lines has room for."""
    most = np.int64(0)
    for k in range(longest.shape[0]):
        most = max(most, longest[k])
    return min(T, max(most, np.int64(_ROOM)))


@njit(**INNER)
def _read(line, first, count, target):  # pragma: no cover
    # On to a whole vector: a delay is as long as a block, and the buffer longer.
    for i in range(0, count if count >= LANES else 0, LANES):
        store(target, i, load_wide(line, first + i))
    if count < LANES:
        copy_range(line, first, target, 0, count)


@njit(**INNER)
def _mix(a, b, gain, count, target):  # pragma: no cover
    for i in range(0, count, LANES):
        store(target, i, fma(load(b, i), gain, load(a, i)))


@njit(**INNER)
def _store(source, threshold, count, target):  # pragma: no cover
    # Denormals take a hundred times as long, and a decaying line is full of them.
    whole = count // LANES * LANES
    for i in range(0, whole, LANES):
        value = load(source, i)
        store(target, i, where(abs(value) > threshold, value, 0.0))
    for i in range(whole, count):
        target[i] = source[i] if abs(source[i]) > threshold else 0.0


@njit(**INNER)
def _mix_time_varying(a, b, gain, target):  # pragma: no cover
    whole = target.shape[0] // LANES * LANES
    for i in range(0, whole, LANES):
        store(target, i, fma(load(b, i), load(gain, i), load(a, i)))
    for i in range(whole, target.shape[0]):
        target[i] = fma(b[i], gain[i], a[i])


@njit(**INNER)
def _pole(x, gain, state, k, y):  # pragma: no cover
    time_varying = gain.shape[0] > 1
    s, p = state[k], gain[0]
    for i in range(y.shape[0]):
        if time_varying:
            p = gain[i]
        s = fma(s, p, (1.0 - p) * x[i])
        y[i] = s
    state[k] = s


@njit(**INNER)
def _four_poles(bus, first, stop, n, steps, s, run, gains, state):  # pragma: no cover
    """Up to four filters at once: each waits for its own last output, so their waits overlap.

    Where there are fewer the last is computed again, to the same end.
    """
    s1, s2, s3 = s + min(1, run - 1), s + min(2, run - 1), s + run - 1
    x0, x1, x2, x3 = bus[steps[s, 2]], bus[steps[s1, 2]], bus[steps[s2, 2]], bus[steps[s3, 2]]
    y0, y1, y2, y3 = bus[steps[s, 1]], bus[steps[s1, 1]], bus[steps[s2, 1]], bus[steps[s3, 1]]
    k0, k1, k2, k3 = steps[s, 3], steps[s1, 3], steps[s2, 3], steps[s3, 3]
    p0, p1, p2, p3 = gains[steps[s, 4]], gains[steps[s1, 4]], gains[steps[s2, 4]], gains[steps[s3, 4]]
    a, b, c, d = state[k0], state[k1], state[k2], state[k3]
    step = 1 if gains.shape[1] > 1 else 0
    for i in range(first, stop):
        t = (n + i - first) * step
        a = fma(a, p0[t], (1.0 - p0[t]) * x0[i])
        b = fma(b, p1[t], (1.0 - p1[t]) * x1[i])
        c = fma(c, p2[t], (1.0 - p2[t]) * x2[i])
        d = fma(d, p3[t], (1.0 - p3[t]) * x3[i])
        y0[i], y1[i], y2[i], y3[i] = a, b, c, d
    state[k0], state[k1], state[k2], state[k3] = a, b, c, d


@njit(**INNER)
def _group(graph, step, at, work, bus, count, state, threshold):  # pragma: no cover
    """A step that only the forward pass has; its block begins the buffers."""
    op, y, x, refers, gains, base = step[0], bus[step[1]], bus[step[2]], graph.more[step[3] :], graph.gains, graph.base
    places, values = graph.places, graph.values
    if op == ALL_PASS:
        up = gains[step[5], 0] if step[5] >= 0 else 1.0 if step[5] == PLUS else -1.0
        here = base[refers[0]] + at
        all_pass(work, here, refers[1], x, gains[step[4], 0], up, refers[2] != 0, count, threshold, y)
    elif op == BANK:
        pole, feedback = gains[step[4], 0], gains[step[5], 0]
        bank(work, refers, base, at, x, pole, feedback, count, threshold, state, values, places, y)
    elif op == TAPS:
        taps(work, refers[: 3 * step[4]], base, at, count, places, values, y)


@njit(**INNER)
def play(graph, at, n, work, bus, first, count, state, threshold):  # pragma: no cover
    """One block of the graph but its outputs.

    Args:
        graph: what to play.
        at: the block's place in every line.
        n: its time.
        work: the lines, flat.
        bus: (nodes, WIDE); inputs are there, the rest is filled from ``first``.
        first: place of the block in the bus.
        count: its length.
        state: (poles,), carried on.
        threshold: what is smaller is written to a line as 0; negative where lines are not to be written.
    """
    steps, gains = graph.steps, graph.gains
    stop = first + count
    time_varying = gains.shape[1] > 1
    s = 0
    while s < steps.shape[0]:
        op, out, a, b, k, run = steps[s, 0], steps[s, 1], steps[s, 2], steps[s, 3], steps[s, 4], steps[s, 5]
        if op == READ:
            here = graph.base[a] + at
            if k < 0:
                _read(work, here - b, count, bus[out, first:])
            else:
                for i in range(0, count, BLOCK):
                    part = min(BLOCK, count - i)
                    prepare_taps(graph.delay[k], n + i, part, 1, np.inf, graph.tables, False, graph.taps)
                    read_time_varying(work, here + i, graph.taps.weights, graph.taps, part, bus[out, first + i :])
        elif op == MIX:
            if k < 0:
                _mix(bus[a, first:], bus[b, first:], 1.0 if k == PLUS else -1.0, count, bus[out, first:])
            elif time_varying:
                _mix_time_varying(bus[a, first:stop], bus[b, first:stop], gains[k, n : n + count], bus[out, first:stop])
            else:
                _mix(bus[a, first:], bus[b, first:], gains[k, 0], count, bus[out, first:])
        elif op == POLE:
            if run > 1:
                _four_poles(bus, first, stop, n, steps, s, run, gains, state)
                s += run - 1
            else:
                gain = gains[k, n : n + count] if time_varying else gains[k]
                _pole(bus[a, first:stop], gain, state, b, bus[out, first:stop])
        elif op == WRITE and threshold >= 0.0:
            here = graph.base[b] + at
            _store(bus[a, first:stop], threshold, count, work[here : here + count])
        elif op >= ALL_PASS:
            _group(graph, steps[s], at, work, bus, count, state, threshold)
        s += 1


@njit(**INNER)
def zero_denormals(state):  # pragma: no cover
    """Numbers on the way to the denormals become zero."""
    for i in range(state.shape[0]):
        if abs(state[i]) < _THRESHOLD:
            state[i] = 0.0


@njit(**INNER)
def _run(graph, block, longest, x, past, threshold, work, room, bus, y, new_past, state, saved):  # pragma: no cover
    """One row, ``block`` samples at a time; ``state`` holds the filters' states, ``saved`` their checkpoints."""
    steps, base = graph.steps, graph.base
    T, L = x.shape[1], longest.shape[0]
    chunk = np.int64(CHUNK) if saved.shape[0] else max(T, np.int64(1))
    behind = np.int64(0)
    for k in range(L):
        copy_range(past, behind, work, base[k] - longest[k], longest[k])
        behind += longest[k]
    at, n = np.int64(0), np.int64(0)
    while n < T:
        if at == room:
            for k in range(L):
                move_back(work, base[k] - longest[k], base[k], room)
            at = 0
        q = n % chunk
        if q == 0 and saved.shape[0]:
            copy_range(state, 0, saved[n // CHUNK], 0, state.shape[0])
        count = min(min(block, chunk - q), min(T - n, room - at))
        for c in range(x.shape[0]):
            copy_range(x[c], n, bus[c], 0, count)
        play(graph, at, n, work, bus, 0, count, state, threshold)
        for s in range(steps.shape[0]):
            if steps[s, 0] == OUT:
                copy_range(bus[steps[s, 2]], 0, y[steps[s, 1]], n, count)
        zero_denormals(state)
        at += count
        n += count
    behind = 0
    for k in range(L):
        copy_range(work, base[k] + at - longest[k], new_past, behind, longest[k])
        behind += longest[k]


@njit(**KERNEL)
def delay_graph_rows(
    start,
    stop,
    x,
    gains,
    delay,
    past,
    poles,
    diagram,
    tables,
    threshold,
    y,
    new_past,
    new_poles,
    lines,
    checkpoints,
    good,
):  # pragma: no cover
    """Run the graphs of rows ``start`` to ``stop - 1``.

    Args:
        start: first row.
        stop: one after the last.
        x: (R, inputs, T).
        gains: (R, K, T or 1) float64.
        delay: (R, M, T or 1) float64, in samples.
        past: (R, P), what went into the lines, line after line, oldest first; P the sum of their lengths.
        poles: (R, N) float64, states of the filters.
        diagram: the steps (S, 6) int64; what each line remembers (L,) int64; the steps to play, the list they refer to
            and the number of their buffers, as ``planned``.
        tables: of weights and slopes of time-varying reads.
        threshold: what is smaller is written to a line as 0.
        y: (R, outputs, T), filled.
        new_past: (R, P), filled.
        new_poles: (R, N), filled.
        lines: (R, P + L T), receives the lines with their past, or (R, 0).
        checkpoints: (R, chunks or 0, N), receives the filters' states at the beginning of every chunk.
        good: (R,), set to False where a time-varying delay is out of range.
    """
    steps, longest, played, more, buffers = diagram
    T = x.shape[2]
    keep = lines.shape[1] > 0
    room = T if keep else room_of(longest, T)
    base = np.zeros(longest.shape[0], np.int64)
    total = line_places(longest, room, base)
    own = np.zeros(0 if keep else total, x.dtype)
    bus = np.zeros((buffers, WIDE))
    taps = new_taps(4, False)
    places = np.zeros(max(2 * LANES, more.shape[0]), np.int64)
    values = np.zeros(max(LANES, more.shape[0]))
    for row in range(start, stop):
        block = longest_block(steps, delay[row])
        if block == 0:
            good[row] = False
            continue
        graph = Graph(played, more, base, gains[row], delay[row], tables, taps, places, values)
        state = new_poles[row]
        copy_range(poles[row], 0, state, 0, state.shape[0])
        work = lines[row] if keep else own
        _run(
            graph,
            block,
            longest,
            x[row],
            past[row],
            threshold,
            work,
            room,
            bus,
            y[row],
            new_past[row],
            state,
            checkpoints[row],
        )
