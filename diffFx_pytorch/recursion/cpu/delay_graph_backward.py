"""The adjoint of a graph of delay lines: the graph run from outputs to inputs, and from the end to the start."""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.recursion.graph import MIX, OUT, PLUS, POLE, READ, WRITE

from .delay_graph import CHUNK, _copy, flush, longest_block, play

_ROOM = 4096
_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}


@njit(**_OPTIONS)
def _add(source, target):  # pragma: no cover
    for i in range(target.shape[0]):
        target[i] += source[i]


@njit(**_OPTIONS)
def _add_scaled(source, gain, target):  # pragma: no cover
    for i in range(target.shape[0]):
        target[i] += gain * source[i]


@njit(**{**_OPTIONS, "fastmath": {"contract", "nsz", "reassoc"}})
def _dot(a, b):  # pragma: no cover
    total = 0.0
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@njit(**_OPTIONS)
def _unmix_moving(grad, b, gain, grad_b, grad_gain):  # pragma: no cover
    for i in range(grad.shape[0]):
        grad_b[i] += gain[i] * grad[i]
        grad_gain[i] += grad[i] * b[i]


@njit(**_OPTIONS)
def _unpole(grad, x, y, before, gain, ahead, k, grad_x, grad_gain):  # pragma: no cover
    moving = gain.shape[0] > 1
    s, p, slope = ahead[k], gain[0], 0.0
    for i in range(grad.shape[0] - 1, -1, -1):
        if moving:
            p = gain[i]
        s += grad[i]
        last = y[i - 1] if i > 0 else before
        grad_x[i] += (1.0 - p) * s
        if moving:
            grad_gain[i] += s * (last - x[i])
        else:
            slope += s * (last - x[i])
        s *= p
    ahead[k] = s
    if not moving:
        grad_gain[0] += slope


@njit(**_OPTIONS)
def _unread_moving(grad, work, here, delay, n, pending, there, grad_delay):  # pragma: no cover
    for i in range(grad.shape[0]):
        d = delay[n + i] if delay.shape[0] > 1 else delay[0]
        whole = np.int64(d)
        f = d - whole
        p, g = here + i - whole, grad[i]
        newer, at = np.float64(work[p + 1]), np.float64(work[p])
        older, oldest = np.float64(work[p - 1]), np.float64(work[p - 2])
        cubic = oldest - newer + 3.0 * (at - older)
        square = 2.0 * newer - 5.0 * at + 4.0 * older - oldest
        slope = g * (0.5 * (older - newer) + f * (square + 1.5 * f * cubic))
        grad_delay[n + i if delay.shape[0] > 1 else 0] += slope
        p = there + i - whole
        pending[p + 1] += g * 0.5 * f * (f * (2.0 - f) - 1.0)
        pending[p] += g * (1.0 + 0.5 * f * f * (3.0 * f - 5.0))
        pending[p - 1] += g * 0.5 * f * (1.0 + f * (4.0 - 3.0 * f))
        pending[p - 2] += g * 0.5 * f * f * (f - 1.0)


@njit(**_OPTIONS)
def _unplay(
    steps, base, base_back, at_back, n, gains, delay, work, bus, first, count, before, pending, grad, ahead,
    g_gains, g_delay,
):  # fmt: skip  # pragma: no cover
    stop = first + count
    moving = gains.shape[1] > 1
    for s in range(steps.shape[0] - 1, -1, -1):
        op, out, a, b, k = steps[s, 0], steps[s, 1], steps[s, 2], steps[s, 3], steps[s, 4]
        if op == WRITE:
            here = base_back[b] + at_back
            _add(pending[here : here + count], grad[a, first:stop])
        elif op == MIX:
            _add(grad[out, first:stop], grad[a, first:stop])
            if k < 0:
                _add_scaled(grad[out, first:stop], 1.0 if k == PLUS else -1.0, grad[b, first:stop])
            elif moving:
                here = slice(n, n + count)
                _unmix_moving(
                    grad[out, first:stop], bus[b, first:stop], gains[k, here], grad[b, first:stop], g_gains[k, here]
                )
            else:
                _add_scaled(grad[out, first:stop], gains[k, 0], grad[b, first:stop])
                g_gains[k, 0] += _dot(grad[out, first:stop], bus[b, first:stop])
        elif op == POLE:
            here = slice(n, n + count) if moving else slice(0, 1)
            last = bus[out, first - 1] if first > 0 else before[b]
            _unpole(
                grad[out, first:stop], bus[a, first:stop], bus[out, first:stop], last, gains[k, here], ahead, b,
                grad[a, first:stop], g_gains[k, here],
            )  # fmt: skip
        elif op == READ:
            there = base_back[a] + at_back
            if k < 0:
                _add(grad[out, first:stop], pending[there - b : there - b + count])
            else:
                _unread_moving(grad[out, first:stop], work, base[a] + n, delay[k], n, pending, there, g_delay[k])


@njit(**_OPTIONS)
def delay_graph_backward_rows(
    start, stop, gy, g_new_past, g_new_poles, x, steps, longest, nodes, gains, delay, lines, kept,
    gx, g_gains, g_delay, g_past, g_poles,
):  # fmt: skip  # pragma: no cover
    """The adjoint of ``delay_graph_rows`` for rows ``start`` to ``stop - 1``.

    Args:
        start: first row.
        stop: one after the last.
        gy: (R, outputs, T).
        g_new_past: (R, P).
        g_new_poles: (R, N).
        x: (R, inputs, T).
        steps: (S, 6) int64.
        longest: (L,) int64.
        nodes: number of nodes.
        gains: (R, K, T or 1).
        delay: (R, M, T or 1).
        lines: (R, P + L T), as filled by the forward pass.
        kept: (R, chunks, N), likewise.
        gx: (R, inputs, T), filled.
        g_gains: (R, K, T or 1) zeros, added to.
        g_delay: (R, M, T or 1) zeros, added to.
        g_past: (R, P), filled.
        g_poles: (R, N), filled.
    """
    inputs, T, L = x.shape[1], x.shape[2], longest.shape[0]
    most = np.int64(0)
    for k in range(L):
        most = max(most, longest[k])
    room = min(T, max(most, np.int64(_ROOM)))
    base, base_back = np.empty(L, np.int64), np.empty(L, np.int64)
    total, total_back = np.int64(0), np.int64(0)
    for k in range(L):
        base[k], base_back[k] = total + longest[k], total_back + longest[k]
        total += longest[k] + T
        total_back += longest[k] + room
    bus, grad = np.empty((nodes, CHUNK)), np.empty((nodes, CHUNK))
    state = np.empty(kept.shape[2])
    pending = np.empty(total_back)
    for row in range(start, stop):
        block = longest_block(steps, delay[row])
        # What the lines at the end have to give back; before that nothing is known yet.
        pending[:] = 0.0
        behind = np.int64(0)
        for k in range(L):
            here = base_back[k] + room
            pending[here - longest[k] : here] = g_new_past[row, behind : behind + longest[k]]
            behind += longest[k]
        ahead = g_poles[row]
        ahead[:] = g_new_poles[row]
        at = np.int64(room)
        for chunk in range((T + CHUNK - 1) // CHUNK - 1, -1, -1):
            begin, length = chunk * CHUNK, min(CHUNK, T - chunk * CHUNK)
            state[:] = kept[row, chunk]
            for c in range(inputs):
                _copy(x[row, c, begin : begin + length], bus[c, 0:length])
            q = np.int64(0)
            while q < length:
                count = min(block, length - q)
                n = begin + q
                play(steps, base, n, n, gains[row], delay[row], lines[row], bus, q, count, state, -1.0)
                q += count
            if at < length:
                for k in range(L):
                    for i in range(longest[k] - 1, -1, -1):
                        p = base_back[k] + at - longest[k] + i
                        pending[p + room - at] = pending[p]
                    pending[base_back[k] - longest[k] : base_back[k] + room - longest[k]] = 0.0
                at = room
            grad[:, 0:length] = 0.0
            while q > 0:
                count = q - (q - 1) // block * block
                q -= count
                at -= count
                for s in range(steps.shape[0]):
                    if steps[s, 0] == OUT:
                        _add(gy[row, steps[s, 1], begin + q : begin + q + count], grad[steps[s, 2], q : q + count])
                _unplay(
                    steps, base, base_back, at, begin + q, gains[row], delay[row], lines[row], bus, q, count,
                    kept[row, chunk], pending, grad, ahead, g_gains[row], g_delay[row],
                )  # fmt: skip
            for c in range(inputs):
                _copy(grad[c, 0:length], gx[row, c, begin : begin + length])
            flush(ahead)
        behind = 0
        for k in range(L):
            here = base_back[k] + at
            g_past[row, behind : behind + longest[k]] = pending[here - longest[k] : here]
            behind += longest[k]
