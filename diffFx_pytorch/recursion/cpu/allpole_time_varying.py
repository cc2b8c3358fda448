"""Numba kernels of the all-pole recursion with time-varying coefficients.

Reading the coefficients is what costs here, and no block of samples shares any. Eight real rows therefore run side
by side in the lanes of a vector, their coefficients transposed tile by tile; what does not fill enough lanes, and
complex numbers, runs one row at a time.

The adjoint pushes: once the gradient g[t] is known, ``a[t, i] g[t]`` is taken from what waits for g[t - i], so each
coefficient is read once, in the order it lies in memory, and its own gradient ``-g[t] y[t - i]`` is written beside.
Rows are numbered so that those which share coefficients follow each other; one thread has all of them.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import SIDE as LANES
from diffFx_pytorch.kernels.vector import load, store

from .allpole import jit, zero_denormals
from .buffers import aligned_zeros
from .row_tiles import read_tile, write_tile

COEFFICIENTS = 1024  # of one row in a tile: 64 KiB for eight lanes
LONGEST = 256


@jit
def _tile_length(order):
    return max(LANES, min(LONGEST, COEFFICIENTS // order // LANES * LANES))


@njit(**INNER)
def _step(x, a, y, at, order):  # pragma: no cover
    """``y[at] = x[0] - sum_m a[m] y[at - 1 - m]``, rows side by side; newest term last, to be known latest."""
    total = load(x, 0)
    for m in range(order - 1, -1, -1):
        total -= load(a, m * LANES) * load(y, at - (m + 1) * LANES)
    store(y, at, total)


@njit(**INNER)
def _step_adjoint(waiting, a, y, at, grad_a, order):  # pragma: no cover
    """``waiting[at - 1 - m] -= a[m] g`` and ``grad_a[m] = -g y[at - 1 - m]`` with g = ``waiting[at]``."""
    minus = -load(waiting, at)
    for m in range(order):
        past = at - (m + 1) * LANES
        store(waiting, past, load(a, m * LANES) * minus + load(waiting, past))
        store(grad_a, m * LANES, minus * load(y, past))


@njit(**INNER)
def _add_rows(target, places, count, tile, rows):  # pragma: no cover
    """``target[places[lane] + t] += tile[t * LANES + lane]`` for ``lane < rows``; lanes may share a target."""
    for lane in range(rows):
        for t in range(count):
            target[places[lane] + t] += tile[t * LANES + lane]


@jit
def time_varying_forward_lanes(start, stop, x, a, zi, rows, x_row, a_row, samples, y, zf, denormal_threshold):
    """The rows ``rows[start:stop]`` of y and zf, LANES at a time.

    Args:
        start: first place in ``rows``.
        stop: the place after the last.
        x: (X * T,) input.
        a: (A * T * N,) coefficients.
        zi: (R, N) past outputs, most recent first, in the type of the sums.
        rows: (R,) order in which rows are worked on.
        x_row: (R,) which row of x a row of y reads.
        a_row: (R,) which row of a.
        samples: T.
        y: (R * T,) output, written.
        zf: (R, N) last outputs, written.
        denormal_threshold: states below this are silence.
    """
    order = zi.shape[1]
    length = _tile_length(order)
    xs = aligned_zeros(length * LANES, zi)
    cs = aligned_zeros(length * order * LANES, zi)
    past = aligned_zeros((order + length) * LANES, zi)
    lane_count = xs.size // length
    row = np.zeros(LANES, np.int64)
    x_at, a_at, y_at = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    for first in range(start, stop, LANES):
        lanes = min(LANES, stop - first)
        for lane in range(LANES):  # empty lanes repeat the last row
            r = rows[first + min(lane, lanes - 1)]
            row[lane], y_at[lane] = r, r * samples
            x_at[lane], a_at[lane] = x_row[r] * samples, a_row[r] * samples * order
            for m in range(order):
                past[(order - 1 - m) * LANES + lane] = zi[r, m]
        for t in range(0, samples, length):
            count = min(length, samples - t)
            zero_denormals(past, 0, order * LANES, denormal_threshold)
            read_tile(x, x_at, count, xs, lane_count, count)
            read_tile(a, a_at, count * order, cs, lane_count, count * order)
            for k in range(count):
                _step(xs[k * LANES :], cs[k * order * LANES :], past, (order + k) * LANES, order)
            write_tile(y, y_at, count, past[order * LANES :], lane_count, count)
            x_at += count
            a_at += count * order
            y_at += count
            for q in range(order * LANES):
                past[q] = past[q + count * LANES]
        for lane in range(lanes):
            for m in range(order):
                zf[row[lane], m] = past[(order - 1 - m) * LANES + lane]


@jit
def time_varying_backward_lanes(
    start,
    stop,
    grad_y,
    grad_zf,
    y,
    a,
    zi,
    rows,
    a_row,
    samples,
    grad_x,
    grad_a,
    grad_zi,
    needs_a,
    shared,
    denormal_threshold,
):
    """The adjoint of :func:`time_varying_forward_lanes`, backwards in time.

    Args:
        start: first row of a; ``shared`` rows of y belong to each.
        stop: the row of a after the last.
        grad_y: (R * T,) gradient of the output.
        grad_zf: (R, N) gradient of the last outputs.
        y: (R * T,) output of the forward pass; read only if ``needs_a``.
        a: (A * T * N,) coefficients.
        zi: (R, N) past outputs.
        rows: (R,) rows, those of one row of a next to each other.
        a_row: (R,) which row of a.
        samples: T.
        grad_x: (R * T,), written.
        grad_a: (A * T * N,), written if ``needs_a``; zeros before if ``shared`` is more than 1.
        grad_zi: (R, N), written.
        needs_a: whether grad_a is wanted.
        shared: rows of y for each row of a.
        denormal_threshold: states below this are silence.
    """
    order = zi.shape[1]
    length = _tile_length(order)
    cs = aligned_zeros(length * order * LANES, zi)
    gs = aligned_zeros(length * order * LANES, zi)
    past = aligned_zeros((order + length) * LANES, zi)
    waiting = aligned_zeros((order + length) * LANES, zi)
    lane_count = waiting.size // (order + length)
    row = np.zeros(LANES, np.int64)
    a_at, y_at = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    for first in range(start * shared, stop * shared, LANES):
        lanes = min(LANES, stop * shared - first)
        for lane in range(LANES):
            r = rows[first + min(lane, lanes - 1)]
            row[lane], y_at[lane], a_at[lane] = r, (r + 1) * samples, (a_row[r] + 1) * samples * order
        waiting[:] = 0.0
        for end in range(samples, 0, -length):
            count = min(length, end)
            begin = end - count
            # What waits for the samples before the tile was written relative to the tile after it: move it to the end.
            zero_denormals(waiting, 0, order * LANES, denormal_threshold)
            for q in range(order * LANES - 1, -1, -1):
                waiting[q + count * LANES] = waiting[q]
            waiting[: count * LANES] = 0.0
            y_at -= count
            a_at -= count * order
            read_tile(a, a_at, count * order, cs, lane_count, -count * order)
            read_tile(grad_y, y_at, count, gs, lane_count, -count)
            for q in range(count * LANES):
                waiting[order * LANES + q] += gs[q]
            for k in range(count):
                m = samples - 1 - (begin + k)
                if m < order:
                    for lane in range(LANES):
                        waiting[(order + k) * LANES + lane] += grad_zf[row[lane], m]
            if needs_a:
                known = min(order, begin)
                y_at -= known
                read_tile(y, y_at, count + known, past[(order - known) * LANES :], lane_count, -count)
                y_at += known
                for m in range(known, order):
                    for lane in range(LANES):
                        past[(order - 1 - m) * LANES + lane] = zi[row[lane], m - begin]
            for k in range(count - 1, -1, -1):
                at = k * order * LANES
                _step_adjoint(waiting, cs[at:], past, (order + k) * LANES, gs[at:], order)
            write_tile(grad_x, y_at, count, waiting[order * LANES :], lane_count, -count)
            if needs_a:
                if shared > 1:
                    _add_rows(grad_a, a_at, count * order, gs, lanes)
                else:
                    write_tile(grad_a, a_at, count * order, gs, lane_count, -count * order)
        for lane in range(lanes):
            for m in range(order):
                total = waiting[(order - 1 - m) * LANES + lane]
                grad_zi[row[lane], m] = total + (grad_zf[row[lane], m + samples] if m + samples < order else 0.0)


@jit
def time_varying_forward_row(start, stop, x, a, zi, rows, x_row, a_row, samples, y, zf, denormal_threshold):
    """As :func:`time_varying_forward_lanes`, one row at a time, real or complex."""
    order = zi.shape[1]
    length = _tile_length(order)
    past = aligned_zeros(order + length, zi)
    zero = past[0]
    for place in range(start, stop):
        r = rows[place]
        for m in range(order):
            past[order - 1 - m] = zi[r, m]
        for t in range(0, samples, length):
            count = min(length, samples - t)
            zero_denormals(past, 0, order, denormal_threshold)
            x_tile = x[x_row[r] * samples + t :]
            c_tile = a[(a_row[r] * samples + t) * order :]
            y_tile = y[r * samples + t :]
            for k in range(count):
                total = zero + x_tile[k]
                for m in range(order - 1, -1, -1):
                    total -= c_tile[k * order + m] * past[order + k - 1 - m]
                past[order + k] = total
                y_tile[k] = total
            for q in range(order):
                past[q] = past[q + count]
        for m in range(order):
            zf[r, m] = past[order - 1 - m]


@jit
def time_varying_backward_row(
    start,
    stop,
    grad_y,
    grad_zf,
    y,
    a,
    zi,
    rows,
    a_row,
    samples,
    grad_x,
    grad_a,
    grad_zi,
    needs_a,
    shared,
    denormal_threshold,
):
    """As :func:`time_varying_backward_lanes`, one row at a time, real or complex; grad_a begins as zeros."""
    order = zi.shape[1]
    length = _tile_length(order)
    past = aligned_zeros(order + length, zi)
    waiting = aligned_zeros(order + length, zi)
    for place in range(start * shared, stop * shared):
        r = rows[place]
        waiting[:] = 0.0
        for end in range(samples, 0, -length):
            count = min(length, end)
            begin = end - count
            zero_denormals(waiting, 0, order, denormal_threshold)
            for q in range(order - 1, -1, -1):
                waiting[q + count] = waiting[q]
            waiting[:count] = 0.0
            c_tile = a[(a_row[r] * samples + begin) * order :]
            ga_tile = grad_a[(a_row[r] * samples + begin) * order :]
            for k in range(count):
                m = samples - 1 - (begin + k)
                waiting[order + k] += grad_y[r * samples + begin + k]
                if m < order:
                    waiting[order + k] += grad_zf[r, m]
            if needs_a:
                for q in range(order + count):
                    t = begin - order + q
                    past[q] = y[r * samples + t] if t >= 0 else zi[r, -t - 1]
            for k in range(count - 1, -1, -1):
                g = waiting[order + k]
                grad_x[r * samples + begin + k] = g
                for m in range(order):
                    waiting[order + k - 1 - m] -= np.conj(c_tile[k * order + m]) * g
                if needs_a:
                    for m in range(order):
                        ga_tile[k * order + m] -= g * np.conj(past[order + k - 1 - m])
        for m in range(order):
            grad_zi[r, m] = waiting[order - 1 - m] + (grad_zf[r, m + samples] if m + samples < order else 0.0)
