"""The adjoint of a graph of delay lines: the graph run from outputs to inputs, and from the end to the start."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.recursion.graph import MIX, OUT, PLUS, POLE, READ, WRITE

from .delay_graph import CHUNK, WIDE, Graph, line_places, longest_block, play, room_of, zero_denormals
from .taps import (
    BLOCK,
    KERNEL,
    ROOM,
    add_range,
    add_time_varying,
    copy_range,
    fill_all,
    new_taps,
    prepare_taps,
    read_time_varying,
)


class Adjoint(NamedTuple):
    """Gradients of one row on their way."""

    base: Any
    """(L,), where each line begins in ``pending``."""
    pending: Any
    """What is still to be handed to the samples of the lines, flat."""
    bus: Any
    """(nodes, WIDE), of the nodes of a chunk."""
    poles: Any
    """(N,), of the states."""
    gains: Any
    """As the gains, added to."""
    delay: Any
    """As the delays, added to."""
    scratch: Any
    """Two rooms of a block, of which the second begins with zeros."""


@njit(**INNER)
def _add_scaled(source, gain, target):  # pragma: no cover
    for i in range(target.shape[0]):
        target[i] += gain * source[i]


@njit(**{**INNER, "fastmath": {"contract", "nsz", "reassoc"}})
def _dot(a, b):  # pragma: no cover
    total = 0.0
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@njit(**INNER)
def _mix_adjoint_time_varying(grad, b, gain, grad_b, grad_gain):  # pragma: no cover
    for i in range(grad.shape[0]):
        grad_b[i] += gain[i] * grad[i]
        grad_gain[i] += grad[i] * b[i]


@njit(**INNER)
def _pole_adjoint(grad, x, y, last, gain, carried, k, grad_x, grad_gain):  # pragma: no cover
    time_varying = gain.shape[0] > 1
    s, p, slope = carried[k], gain[0], 0.0
    for i in range(grad.shape[0] - 1, -1, -1):
        if time_varying:
            p = gain[i]
        s += grad[i]
        state = y[i - 1] if i > 0 else last
        grad_x[i] += (1.0 - p) * s
        if time_varying:
            grad_gain[i] += s * (state - x[i])
        else:
            slope += s * (state - x[i])
        s *= p
    carried[k] = s
    if not time_varying:
        grad_gain[0] += slope


@njit(**INNER)
def _read_adjoint(graph, adjoint, k, work, here, there, n, grad, count):  # pragma: no cover
    """Of a time-varying read of the block at ``here`` in the lines, ``there`` in what is pending."""
    heard, padded, taps = adjoint.scratch[:ROOM], adjoint.scratch[ROOM:], graph.taps
    target = adjoint.delay[k]
    for i in range(0, count, BLOCK):
        part = min(BLOCK, count - i)
        prepare_taps(graph.delay[k], n + i, part, 1, np.inf, graph.tables, False, taps)
        read_time_varying(work, here + i, taps.slopes, taps, part, heard)
        for q in range(part):
            target[n + i + q if target.shape[0] > 1 else 0] += grad[i + q] * heard[q]
        add_time_varying(adjoint.pending, there + i, taps, part, grad[i:], padded)


@njit(**INNER)
def _play_adjoint(graph, adjoint, at, n, work, bus, first, count, before):  # pragma: no cover
    """The adjoint of ``play``; ``at`` is the block's place in what is pending, ``before`` the chunk's first states."""
    steps, gains, grad = graph.steps, graph.gains, adjoint.bus
    stop = first + count
    time_varying = gains.shape[1] > 1
    for s in range(steps.shape[0] - 1, -1, -1):
        op, out, a, b, k = steps[s, 0], steps[s, 1], steps[s, 2], steps[s, 3], steps[s, 4]
        if op == WRITE:
            add_range(adjoint.pending, adjoint.base[b] + at, grad[a], first, count)
        elif op == MIX:
            given = grad[out, first:stop]
            add_range(given, 0, grad[a], first, count)
            if k < 0:
                _add_scaled(given, 1.0 if k == PLUS else -1.0, grad[b, first:stop])
            elif time_varying:
                here = slice(n, n + count)
                _mix_adjoint_time_varying(
                    given, bus[b, first:stop], gains[k, here], grad[b, first:stop], adjoint.gains[k, here]
                )
            else:
                _add_scaled(given, gains[k, 0], grad[b, first:stop])
                adjoint.gains[k, 0] += _dot(given, bus[b, first:stop])
        elif op == POLE:
            here = slice(n, n + count) if time_varying else slice(0, 1)
            last = bus[out, first - 1] if first > 0 else before[b]
            _pole_adjoint(
                grad[out, first:stop], bus[a, first:stop], bus[out, first:stop], last, gains[k, here], adjoint.poles, b,
                grad[a, first:stop], adjoint.gains[k, here],
            )  # fmt: skip
        elif op == READ:
            there = adjoint.base[a] + at
            if k < 0:
                add_range(grad[out], first, adjoint.pending, there - b, count)
            else:
                _read_adjoint(graph, adjoint, k, work, graph.base[a] + n, there, n, grad[out, first:stop], count)


@njit(**INNER)
def _run(
    graph, adjoint, longest, room, block, gy, g_past, x, lines, checkpoints, bus, state, gx, to_past
):  # pragma: no cover
    """One row."""
    steps, pending, base, grad = graph.steps, adjoint.pending, adjoint.base, adjoint.bus
    T, L = x.shape[1], longest.shape[0]
    # What the lines at the end have to give back; before that nothing is known yet.
    fill_all(pending, 0.0)
    behind = np.int64(0)
    for k in range(L):
        copy_range(g_past, behind, pending, base[k] + room - longest[k], longest[k])
        behind += longest[k]
    at = np.int64(room)
    for chunk in range((T + CHUNK - 1) // CHUNK - 1, -1, -1):
        begin, length = chunk * CHUNK, min(CHUNK, T - chunk * CHUNK)
        copy_range(checkpoints[chunk], 0, state, 0, state.shape[0])
        for c in range(x.shape[0]):
            copy_range(x[c], begin, bus[c], 0, length)
        q = np.int64(0)
        while q < length:
            count = min(block, length - q)
            play(graph, begin + q, begin + q, lines, bus, q, count, state, -1.0)
            q += count
        if at < length:
            for k in range(L):
                for i in range(base[k] + at - 1, base[k] + at - longest[k] - 1, -1):
                    pending[i + room - at] = pending[i]
                fill_all(pending[base[k] - longest[k] : base[k] + room - longest[k]], 0.0)
            at = room
        for node in range(grad.shape[0]):
            fill_all(grad[node], 0.0)
        while q > 0:
            count = q - (q - 1) // block * block
            q -= count
            at -= count
            for s in range(steps.shape[0]):
                if steps[s, 0] == OUT:
                    add_range(gy[steps[s, 1]], begin + q, grad[steps[s, 2]], q, count)
            _play_adjoint(graph, adjoint, at, begin + q, lines, bus, q, count, checkpoints[chunk])
        for c in range(x.shape[0]):
            copy_range(grad[c], 0, gx[c], begin, length)
        zero_denormals(adjoint.poles)
    behind = 0
    for k in range(L):
        copy_range(pending, base[k] + at - longest[k], to_past, behind, longest[k])
        behind += longest[k]


@njit(**KERNEL)
def delay_graph_backward_rows(
    start, stop, gy, g_past, g_poles, x, gains, delay, lines, checkpoints, diagram, tables, targets
):  # pragma: no cover
    """The adjoint of ``delay_graph_rows`` for rows ``start`` to ``stop - 1``.

    Args:
        start: first row.
        stop: one after the last.
        gy: (R, outputs, T).
        g_past: (R, P), of the lines at the end.
        g_poles: (R, N), of the states at the end.
        x: (R, inputs, T).
        gains: (R, K, T or 1).
        delay: (R, M, T or 1).
        lines: (R, P + L T), as filled by the forward pass.
        checkpoints: (R, chunks, N), likewise.
        diagram: the steps (S, 6) int64; what each line remembers (L,) int64; the number of nodes.
        tables: as forward.
        targets: gradients of x, filled; of gains and delays, zeros, added to; of past and poles, filled.
    """
    steps, longest, nodes = diagram
    nothing, no_places, no_values = steps[0, :0], np.zeros(0, np.int64), np.zeros(0)
    gx, g_gains, g_delay, to_past, to_poles = targets
    T = x.shape[2]
    room = room_of(longest, T)
    base, base_pending = np.zeros(longest.shape[0], np.int64), np.zeros(longest.shape[0], np.int64)
    line_places(longest, T, base)
    pending = np.zeros(line_places(longest, room, base_pending))
    bus, grad = np.zeros((nodes, WIDE)), np.zeros((nodes, WIDE))
    state, scratch = np.zeros(checkpoints.shape[2]), np.zeros(2 * ROOM)
    taps = new_taps(4, True)
    for row in range(start, stop):
        graph = Graph(steps, nothing, base, gains[row], delay[row], tables, taps, no_places, no_values)
        copy_range(g_poles[row], 0, to_poles[row], 0, state.shape[0])
        adjoint = Adjoint(base_pending, pending, grad, to_poles[row], g_gains[row], g_delay[row], scratch)
        _run(
            graph, adjoint, longest, room, longest_block(steps, delay[row]), gy[row], g_past[row], x[row], lines[row],
            checkpoints[row], bus, state, gx[row], to_past[row],
        )  # fmt: skip
