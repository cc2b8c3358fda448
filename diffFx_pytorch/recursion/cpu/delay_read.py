"""Numba kernels of the delay line without feedback: everything that is read is known before.

Arguments are laid out as in ``feedback_delay``.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import constant, fma, load_wide, spread, store

from .feedback_delay import allpass, rows_that_share
from .feedback_delay_backward import AHEAD, fetch, pass_on
from .taps import (
    BLOCK,
    GIVEN,
    LANES,
    MARGIN,
    ROOM,
    add_time_varying,
    copy_range,
    fill_all,
    prepare_taps,
    read_time_varying,
    taps_in,
)

_STEP = 4 * LANES  # samples of a constant delay that are read together


@njit(**INNER)
def _taps(line, now, count, moves, taps, out):  # pragma: no cover
    """``read_time_varying``; a constant delay's weights are the same for all samples, and its block one stretch."""
    points = 2 * taps.half[0]
    base = now - taps.whole[0] - taps.half[0]
    if base + count <= 0:
        base, points = 0, 0  # older than the line is silence
    reach = (count + _STEP - 1) // _STEP * _STEP
    if moves or base < 0 or base + reach + points - 1 > line.shape[0] or reach > out.shape[0]:
        read_time_varying(line, now, taps.weights, taps, count, out)
        return
    for i in range(0, count, _STEP):
        zero = constant(taps.weights, 0.0)
        a, b, c, d = zero, zero, zero, zero
        for p in range(points):
            weight, at = spread(taps.weights, p * ROOM + MARGIN), base + i + p
            a = fma(weight, load_wide(line, at), a)
            b = fma(weight, load_wide(line, at + LANES), b)
            c = fma(weight, load_wide(line, at + 2 * LANES), c)
            d = fma(weight, load_wide(line, at + 3 * LANES), d)
        store(out, i, a)
        store(out, i + LANES, b)
        store(out, i + 2 * LANES, c)
        store(out, i + 3 * LANES, d)


@njit(**INNER)
def _read(line, now, count, moves, recursive, taps, u, target, state):  # pragma: no cover
    """A block of one row; ``target`` begins where it does."""
    if not recursive:
        _taps(line, now, count, moves, taps, target)
        return
    _taps(line, now, count, moves, taps, u)
    state[0] = allpass(u, taps.poles, 0, count, state[0])
    copy_range(u, 0, target, 0, count)


@njit(**{**GIVEN, "compact": False})
def delay_read_rows(start, stop, x, delay, tables, options, outputs, good, taps_room, room):  # pragma: no cover
    """``v[n] = x(n - d[n])`` for rows ``start`` to ``stop - 1``.

    Args:
        start: first row.
        stop: one after the last.
        x: signals and the index of their rows.
        delay: in samples, from 0 on, and the index of their rows.
        tables: of weights and slopes.
        options: whether the interpolator is the all-pass, the longest delay, the denormal threshold.
        outputs: ``v`` (rows, T), filled; the line as for ``feedback_delay_rows``; and the
            state of the all-pass (rows, 3), the first updated.
        good: (rows,), set to False where a delay is out of range.
        taps_room: for taps.
        room: (ROOM,).
    """
    v, (line, window), state = outputs
    recursive, limit, threshold = options
    taps = taps_in(taps_room, 2 * tables[0].shape[0])
    T = v.shape[1]
    pad = window[1] - T
    row = start
    while row < stop:
        end = rows_that_share(delay[1], row, stop)
        delays = delay[0][delay[1][row]]
        legal = True
        for t0 in range(0, T, BLOCK):
            count = min(BLOCK, T - t0)
            if delays.shape[0] > 1 or t0 == 0:
                legal &= prepare_taps(delays, t0, count, 0, limit, tables, recursive, taps)
            for r in range(row, end):
                own = line[r, window[0] : window[0] + window[1]]
                copy_range(x[0][x[1][r]], t0, own, pad + t0, count)
                _read(own, pad + t0, count, delays.shape[0] > 1, recursive, taps, room, v[r, t0:], state[r])
        for r in range(row, end):
            good[r] = legal
            state[r, 0] = 0.0 if abs(state[r, 0]) < threshold else state[r, 0]
        row = end


@njit(**INNER)
def _read_adjoint(
    line, pending, v, grad_v, t0, now, count, recursive, to_delay, taps, u, slopes, padded, first_state, state
):  # pragma: no cover
    """The adjoint of a block of one row; ``u`` and ``slopes`` become what its taps and its delays are owed."""
    copy_range(grad_v, t0, u, 0, count)
    if recursive:
        carry = state[0]
        for i in range(count - 1, -1, -1):
            u[i] += carry
            carry = -taps.poles[i] * u[i]
        state[0] = carry
    add_time_varying(pending, now, taps, count, u, padded)
    if not to_delay:
        return
    read_time_varying(line, now, taps.slopes, taps, count, slopes)
    for i in range(count):
        if recursive:
            last = np.float64(v[t0 + i - 1]) if t0 + i > 0 else first_state[0]
            slopes[i] -= taps.slopes[2 * ROOM + MARGIN + i] * last
        slopes[i] *= u[i]


@njit(**GIVEN)
def delay_read_backward_rows(
    start, stop, grad_v, grad_line, delay, kept, tables, options, to_signals, grad_delay, taps_room, room
):  # pragma: no cover
    """Gradients of :func:`delay_read_rows`, one per output row.

    Args:
        start: first row.
        stop: one after the last.
        grad_v: gradient of the tap, and the index of its rows.
        grad_line: (rows, pad + T), of the line, or no columns.
        delay: as forward.
        kept: the state before the first sample (rows, 3); tap and line of the forward pass.
        tables: of weights and slopes.
        options: as forward.
        to_signals: as ``feedback_delay_backward_rows``.
        grad_delay: likewise.
        taps_room: for taps and their slopes.
        room: from ``backward_room``.
    """
    first_state, v, line = kept
    to_past, to_x, to_state = to_signals
    recursive, limit, _ = options
    taps = taps_in(taps_room, 2 * tables[0].shape[0])
    buffers, _, sums, to_line = room
    u, slopes, padded = buffers[:ROOM], buffers[ROOM : 2 * ROOM], buffers[2 * ROOM : 3 * ROOM]
    T, width = v.shape[1], line.shape[1]
    pad = width - T
    to_delay = grad_delay.shape[1] > 0
    together = v.shape[0] // grad_delay.shape[0]
    row = start
    while row < stop:
        end = rows_that_share(delay[1], row, stop)
        delays = delay[0][delay[1][row]]
        for i in range(end - row):
            if grad_line.shape[1] > 0:
                copy_range(grad_line[row + i], 0, to_line, i * width, width)
            else:
                fill_all(to_line[i * width : (i + 1) * width], 0.0)
        fill_all(sums, 0.0)
        ready = False
        for t0 in range((T - 1) // BLOCK * BLOCK, -1, -BLOCK):
            count = min(BLOCK, T - t0)
            if delays.shape[0] > 1 and t0 > 0:
                fetch(delays, t0 - AHEAD)
            if delays.shape[0] > 1 or not ready:
                prepare_taps(delays, t0, count, 0, limit, tables, recursive, taps)
                ready = True
            for r in range(row, end):
                i = r - row
                given, pending = grad_v[0][grad_v[1][r]], to_line[i * width : (i + 1) * width]
                # Blocks come in falling order and are read in rising order, which no hardware prefetcher sees through.
                if t0 > 0:
                    fetch(v[r], t0 - AHEAD)
                    fetch(given, t0 - AHEAD)
                    fetch(line[r], pad + t0 - AHEAD - taps.whole[0])
                    fetch(pending, pad + t0 - AHEAD - taps.whole[0])
                _read_adjoint(
                    line[r], pending, v[r], given, t0, pad + t0, count, recursive, to_delay, taps, u, slopes, padded,
                    first_state[r], to_state[r],
                )  # fmt: skip
                if to_delay:
                    sums[i] = pass_on(slopes, t0, count, grad_delay[r // together], sums[i], r % together > 0)
        for r in range(row, end):
            i = r - row
            if grad_delay.shape[1] == 1:
                others = grad_delay[r // together, 0] if r % together > 0 else 0.0
                grad_delay[r // together, 0] = others + sums[i]
            copy_range(to_line, i * width, to_past[r], 0, pad)
            copy_range(to_line, i * width + pad, to_x[r], 0, T)
        row = end
