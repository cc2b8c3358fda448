"""A graph of delay lines, block by block: within the shortest delay all that the lines give is known before.

So every step but a one-pole filter is a loop over independent samples, and the few steps are interpreted once a block.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.recursion.graph import MIX, OUT, PLUS, POLE, READ, SPREAD, WRITE

CHUNK = 256
"""Samples between checkpoints of the filters' states; a block never crosses a border between chunks."""

_ROOM = 4096
_TINY = 1e-200
_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}


@njit(**_OPTIONS)
def longest_block(steps, delay):  # pragma: no cover
    """Samples that can be computed at once; 0 where a moving delay is out of range or no number."""
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
    return shortest


@njit(**_OPTIONS)
def _copy(source, target):  # pragma: no cover
    for i in range(target.shape[0]):
        target[i] = source[i]


@njit(**_OPTIONS)
def _store(source, tiny, target):  # pragma: no cover
    # Denormals take a hundred times as long, and a decaying line is full of them.
    for i in range(target.shape[0]):
        target[i] = source[i] if abs(source[i]) > tiny else 0.0


@njit(**_OPTIONS)
def _read_moving(work, here, delay, n, target):  # pragma: no cover
    for i in range(target.shape[0]):
        d = delay[n + i] if delay.shape[0] > 1 else delay[0]
        whole = np.int64(d)
        f = d - whole
        p = here + i - whole
        newer, at, older, oldest = (
            np.float64(work[p + 1]),
            np.float64(work[p]),
            np.float64(work[p - 1]),
            np.float64(work[p - 2]),
        )
        cubic = oldest - newer + 3.0 * (at - older)
        square = 2.0 * newer - 5.0 * at + 4.0 * older - oldest
        target[i] = at + 0.5 * f * (older - newer + f * (square + f * cubic))


@njit(**_OPTIONS)
def _mix(a, b, gain, target):  # pragma: no cover
    for i in range(target.shape[0]):
        target[i] = a[i] + gain * b[i]


@njit(**_OPTIONS)
def _mix_moving(a, b, gain, target):  # pragma: no cover
    for i in range(target.shape[0]):
        target[i] = a[i] + gain[i] * b[i]


@njit(**_OPTIONS)
def _pole(x, gain, state, k, y):  # pragma: no cover
    moving = gain.shape[0] > 1
    s, p = state[k], gain[0]
    for i in range(y.shape[0]):
        if moving:
            p = gain[i]
        s = p * s + (1.0 - p) * x[i]
        y[i] = s
    state[k] = s


@njit(**_OPTIONS)
def _four_poles(bus, first, stop, n, steps, s, gains, state):  # pragma: no cover
    """Four filters at once: each waits for its own last output, so their waits overlap."""
    x0, x1, x2, x3 = bus[steps[s, 2]], bus[steps[s + 1, 2]], bus[steps[s + 2, 2]], bus[steps[s + 3, 2]]
    y0, y1, y2, y3 = bus[steps[s, 1]], bus[steps[s + 1, 1]], bus[steps[s + 2, 1]], bus[steps[s + 3, 1]]
    k0, k1, k2, k3 = steps[s, 3], steps[s + 1, 3], steps[s + 2, 3], steps[s + 3, 3]
    p0, p1, p2, p3 = gains[steps[s, 4]], gains[steps[s + 1, 4]], gains[steps[s + 2, 4]], gains[steps[s + 3, 4]]
    a, b, c, d = state[k0], state[k1], state[k2], state[k3]
    step = 1 if gains.shape[1] > 1 else 0
    for i in range(first, stop):
        t = (n + i - first) * step
        a = p0[t] * a + (1.0 - p0[t]) * x0[i]
        b = p1[t] * b + (1.0 - p1[t]) * x1[i]
        c = p2[t] * c + (1.0 - p2[t]) * x2[i]
        d = p3[t] * d + (1.0 - p3[t]) * x3[i]
        y0[i], y1[i], y2[i], y3[i] = a, b, c, d
    state[k0], state[k1], state[k2], state[k3] = a, b, c, d


@njit(**_OPTIONS)
def play(steps, base, at, n, gains, delay, work, bus, first, count, state, tiny):  # pragma: no cover
    """One block of the graph but its outputs.

    Args:
        steps: (S, 6).
        base: (L,), where each line begins in ``work``.
        at: the block's place in every line.
        n: its time.
        gains: (K, T or 1).
        delay: (M, T or 1).
        work: the lines, flat.
        bus: (nodes, CHUNK); inputs are there, the rest is filled from ``first``.
        first: place of the block in the bus.
        count: its length.
        state: (poles,), carried on.
        tiny: what is smaller is written to a line as 0; negative where lines are not to be written.
    """
    stop = first + count
    moving = gains.shape[1] > 1
    s = 0
    while s < steps.shape[0]:
        op, out, a, b, k, run = steps[s, 0], steps[s, 1], steps[s, 2], steps[s, 3], steps[s, 4], steps[s, 5]
        if op == READ:
            here = base[a] + at
            if k < 0:
                _copy(work[here - b : here - b + count], bus[out, first:stop])
            else:
                _read_moving(work, here, delay[k], n, bus[out, first:stop])
        elif op == MIX:
            if k < 0:
                _mix(bus[a, first:stop], bus[b, first:stop], 1.0 if k == PLUS else -1.0, bus[out, first:stop])
            elif moving:
                _mix_moving(bus[a, first:stop], bus[b, first:stop], gains[k, n : n + count], bus[out, first:stop])
            else:
                _mix(bus[a, first:stop], bus[b, first:stop], gains[k, 0], bus[out, first:stop])
        elif op == POLE:
            if run == 4:
                _four_poles(bus, first, stop, n, steps, s, gains, state)
                s += 3
            else:
                gain = gains[k, n : n + count] if moving else gains[k]
                _pole(bus[a, first:stop], gain, state, b, bus[out, first:stop])
        elif op == WRITE and tiny >= 0.0:
            here = base[b] + at
            _store(bus[a, first:stop], tiny, work[here : here + count])
        s += 1


@njit(**_OPTIONS)
def flush(state):  # pragma: no cover
    """Numbers on the way to the denormals become zero."""
    for i in range(state.shape[0]):
        if abs(state[i]) < _TINY:
            state[i] = 0.0


@njit(**_OPTIONS)
def delay_graph_rows(
    start, stop, x, steps, longest, nodes, gains, delay, past, poles, tiny, lines, y, new_past, new_poles, kept, good
):  # pragma: no cover
    """Run the graphs of rows ``start`` to ``stop - 1``.

    Args:
        start: first row.
        stop: one after the last.
        x: (R, inputs, T).
        steps: (S, 6) int64.
        longest: (L,) int64, what each line remembers.
        nodes: number of nodes.
        gains: (R, K, T or 1) float64.
        delay: (R, M, T or 1) float64, in samples.
        past: (R, P), what went into the lines, line after line, oldest first; P the sum of ``longest``.
        poles: (R, N) float64, states of the filters.
        tiny: what is smaller is written to a line as 0.
        lines: (R, P + L T), receives the lines with their past, or (R, 0).
        y: (R, outputs, T), filled.
        new_past: (R, P), filled.
        new_poles: (R, N), filled.
        kept: (R, chunks or 0, N), receives the filters' states at the beginning of every chunk.
        good: (R,), set to False where a moving delay is out of range.
    """
    T, L = x.shape[2], longest.shape[0]
    keep = lines.shape[1] > 0
    most = np.int64(0)
    for k in range(L):
        most = max(most, longest[k])
    room = T if keep else min(T, max(most, np.int64(_ROOM)))
    base = np.empty(L, np.int64)  # where the present begins when a row begins
    total = np.int64(0)
    for k in range(L):
        base[k] = total + longest[k]
        total += longest[k] + room
    own = np.empty(0 if keep else total, x.dtype)
    bus = np.empty((nodes, CHUNK))
    for row in range(start, stop):
        block = longest_block(steps, delay[row])
        if block == 0:
            good[row] = False
            continue
        work = lines[row] if keep else own
        behind = np.int64(0)
        for k in range(L):
            work[base[k] - longest[k] : base[k]] = past[row, behind : behind + longest[k]]
            behind += longest[k]
        state = new_poles[row]
        state[:] = poles[row]
        at, n = np.int64(0), np.int64(0)
        while n < T:
            if at == room:
                for k in range(L):
                    for i in range(base[k] - longest[k], base[k]):
                        work[i] = work[i + room]
                at = 0
            q = n % CHUNK
            if q == 0 and kept.shape[1]:
                kept[row, n // CHUNK] = state
            count = min(min(block, CHUNK - q), min(T - n, room - at))
            for c in range(x.shape[1]):
                _copy(x[row, c, n : n + count], bus[c, 0:count])
            play(steps, base, at, n, gains[row], delay[row], work, bus, 0, count, state, tiny)
            for s in range(steps.shape[0]):
                if steps[s, 0] == OUT:
                    _copy(bus[steps[s, 2], 0:count], y[row, steps[s, 1], n : n + count])
            flush(state)
            at += count
            n += count
        behind = 0
        for k in range(L):
            new_past[row, behind : behind + longest[k]] = work[base[k] + at - longest[k] : base[k] + at]
            behind += longest[k]
