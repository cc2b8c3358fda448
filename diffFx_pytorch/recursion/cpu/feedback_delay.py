"""Numba kernels of the delay line with feedback.

A row is worked through in stretches over which the whole part of the delay is constant and no longer than the delay
itself: within one, nothing read was written in it, so taps are vector operations over time, and only the loop's
filters run sample by sample. A delay of one sample is a stretch of one. Rows that read the same delay (channels,
mostly) go through a block one after the other, and its weights are computed once.

Parameter arrays are (rows, 1) constant, (rows, T) moving or (rows, 0) absent; ``*_row`` says which of their rows each
output row reads. A line holds ``pad`` samples of the past before the T of this call.
"""

from __future__ import annotations

import math

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.recursion.cpu.delay_taps import (
    BLOCK,
    INLINE,
    ROOM,
    copy_range,
    fill_all,
    fill_allpass,
    fill_weights,
    read_one,
    read_taps,
    same_until,
    sharpen,
    split_block,
)
from diffFx_pytorch.recursion.cpu.inner import INNER

CHUNK = 8 * BLOCK  # distance of the filter states kept for the backward pass
FEW = 8  # a shorter stretch is worked sample by sample
SHARING = 4  # rows that take turns; more of them would be more streams than the hardware fetches ahead


@njit(**INNER)
def _allpass(u, poles, first, count, last):  # pragma: no cover
    for i in range(first, first + count):
        last = u[i] - poles[i] * last
        u[i] = last
    return last


@njit(**INNER)
def _smooth(u, c, first, count, level):  # pragma: no cover
    for i in range(first, first + count):
        level = c[i] * level + (1.0 - c[i]) * u[i]
        u[i] = level
    return level


@njit(**INNER)
def _take_smooth_away(u, c, first, count, level):  # pragma: no cover
    for i in range(first, first + count):
        level = c[i] * level + (1.0 - c[i]) * u[i]
        u[i] -= level
    return level


@njit(**INNER)
def _saturate(u, first, count):  # pragma: no cover
    for i in range(first, first + count):
        u[i] = math.tanh(u[i])


@njit(**INLINE)
def _close_loop(x, x0, g, u, first, count, tiny, line, line0):  # pragma: no cover
    given = x[x0 : x0 + count]
    gains = g[first : first + count]
    part = u[first : first + count]
    target = line[line0 : line0 + count]
    for i in range(count):
        w = np.float64(given[i]) + gains[i] * part[i]
        target[i] = 0.0 if abs(w) < tiny else w


@njit(**INLINE)
def load_parameter(source, t0, count, fresh, target):  # pragma: no cover
    """The block of a moving parameter; a constant one is loaded only where the target holds something else."""
    if source.shape[0] > 1:
        copy_range(source, t0, target, 0, count)
    elif source.shape[0] == 1 and fresh:
        fill_all(target, source[0])


@njit(**INNER)
def rows_that_share(index, first, stop):  # pragma: no cover
    """Where the run of rows from ``first`` on that read the same row of a parameter ends."""
    end = first + 1
    while end < min(stop, first + SHARING) and index[end] == index[first]:
        end += 1
    return end


@njit(**INLINE)
def prepare_taps(
    delay, t0, count, youngest, limit, table, allpass, whole, fraction, half, weights, poles
):  # pragma: no cover
    """Where and how the block's samples read; a constant delay is prepared for all blocks at once."""
    moves = delay.shape[0] > 1
    filled = count if moves else BLOCK
    good = split_block(
        delay,
        t0 if moves else 0,
        count if moves else 1,
        youngest,
        limit,
        table.shape[0],
        allpass,
        whole,
        fraction,
        half,
    )
    if not moves:
        fill_all(whole, whole[0])
        fill_all(fraction, fraction[0])
        fill_all(half, half[0])
    if allpass:
        fill_allpass(fraction, filled, weights, poles, weights, False)
    else:
        fill_weights(table, 1.0, fraction, half, filled, weights)
        sharpen(fraction, half, filled, weights)
    return good


@njit(**INLINE)
def _delay_block(
    x,
    t0,
    count,
    loop,
    low,
    high,
    saturate,
    allpass,
    moves,
    has_past,
    tiny,
    whole,
    half,
    weights,
    poles,
    g,
    cl,
    ch,
    u,
    line,
    v,
    tail,
):  # pragma: no cover
    """A block of one row, its taps and parameters prepared."""
    pad = line.shape[0] - v.shape[0]
    last, l, m = tail[0], tail[1], tail[2]  # noqa: E741
    first = 0
    while first < count:
        k, t = whole[first], half[first]
        stop = min(count, first + (k - t + 1)) if loop else count
        if moves:
            stop = same_until(whole, first, stop)
        length = stop - first
        now = pad + t0 + first
        base = now - k - t
        if length < FEW:
            for i in range(length):
                at = first + i
                value = read_one(line, base + i, weights, at, 2 * t)
                if allpass:
                    value -= poles[at] * last
                    last = value
                v[t0 + at] = value
                if loop:
                    if low:
                        l = cl[at] * l + (1.0 - cl[at]) * value  # noqa: E741
                        value = l
                    if high:
                        m = ch[at] * m + (1.0 - ch[at]) * value
                        value -= m
                    if saturate:
                        value = math.tanh(value)
                    w = np.float64(x[t0 + at]) + g[at] * value
                    line[now + i] = 0.0 if abs(w) < tiny else w
        else:
            # Older than the line is silence; the few taps that do reach it lie in its leading zeros.
            silent = 0 if has_past else min(length, max(0, -base))
            if loop or allpass:
                fill_all(u[first : first + silent], 0.0)
                if silent < length:
                    read_taps(line, base + silent, weights, first + silent, length - silent, 2 * t, u, first + silent)
                if allpass:
                    last = _allpass(u, poles, first, length, last)
                copy_range(u, first, v, t0 + first, length)
            else:
                at = t0 + first
                fill_all(v[at : at + silent], 0.0)
                if silent < length:
                    read_taps(line, base + silent, weights, first + silent, length - silent, 2 * t, v, at + silent)
            if loop:
                if low:
                    l = _smooth(u, cl, first, length, l)  # noqa: E741
                if high:
                    m = _take_smooth_away(u, ch, first, length, m)
                if saturate:
                    _saturate(u, first, length)
                _close_loop(x, t0 + first, g, u, first, length, tiny, line, now)
        first = stop
    tail[0] = 0.0 if abs(last) < tiny else last
    tail[1] = 0.0 if abs(l) < tiny else l
    tail[2] = 0.0 if abs(m) < tiny else m


@njit(**INNER)
def _delay_rows(
    start,
    stop,
    x,
    x_row,
    delay,
    feedback,
    feedback_row,
    lowpass,
    lowpass_row,
    highpass,
    highpass_row,
    table,
    allpass,
    saturate,
    limit,
    has_past,
    tiny,
    line,
    v,
    tail,
    checkpoints,
    room,
):  # pragma: no cover
    """Rows of :func:`feedback_delay_rows` that share a delay; returns whether every delay was legal."""
    T = v.shape[1]
    pad = line.shape[1] - T
    loop = feedback.shape[1] > 0
    low = lowpass.shape[1] > 0
    high = highpass.shape[1] > 0
    moves = delay.shape[0] > 1
    youngest = 1 if loop else 0
    whole, half, fraction, weights, poles, g, cl, ch, u = room
    good = True
    for t0 in range(0, T, BLOCK):
        count = min(BLOCK, T - t0)
        if moves or t0 == 0:
            good &= prepare_taps(
                delay, t0, count, youngest, limit, table, allpass, whole, fraction, half, weights, poles
            )
        fresh = t0 == 0 or stop > start + 1
        for row in range(start, stop):
            if loop:
                load_parameter(feedback[feedback_row[row]], t0, count, fresh, g)
                load_parameter(lowpass[lowpass_row[row]], t0, count, fresh, cl)
                load_parameter(highpass[highpass_row[row]], t0, count, fresh, ch)
                if checkpoints.shape[1] > 0 and t0 % CHUNK == 0:
                    checkpoints[row, t0 // CHUNK, 0] = tail[row, 1]
                    checkpoints[row, t0 // CHUNK, 1] = tail[row, 2]
            else:
                copy_range(x[x_row[row]], t0, line[row], pad + t0, count)
            _delay_block(
                x[x_row[row]],
                t0,
                count,
                loop,
                low,
                high,
                saturate,
                allpass,
                moves,
                has_past,
                tiny,
                whole,
                half,
                weights,
                poles,
                g,
                cl,
                ch,
                u,
                line[row],
                v[row],
                tail[row],
            )
    return good


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def feedback_delay_rows(
    start,
    stop,
    x,
    x_row,
    delay,
    delay_row,
    feedback,
    feedback_row,
    lowpass,
    lowpass_row,
    highpass,
    highpass_row,
    table,
    allpass,
    saturate,
    limit,
    has_past,
    tiny,
    line,
    v,
    tail,
    checkpoints,
    good,
):  # pragma: no cover
    """``v[n] = w(n - d[n])``, ``w[n] = x[n] + g[n] F(v[n])`` for rows ``start`` to ``stop - 1``.

    Without feedback (an array of no columns) ``w = x`` and the delay may be down to 0. ``tail`` (rows, 3) holds the
    states of all-pass, low-pass and high-pass and is updated; ``checkpoints`` (rows, chunks, 2) keeps the last two.
    """
    room = (
        np.empty(BLOCK, np.int64),
        np.empty(BLOCK, np.int64),
        np.empty(BLOCK),
        np.zeros((2 * table.shape[0], ROOM)),
        np.zeros(BLOCK),
        np.empty(BLOCK),
        np.empty(BLOCK),
        np.empty(BLOCK),
        np.empty(ROOM),
    )
    row = start
    while row < stop:
        end = rows_that_share(delay_row, row, stop)
        legal = _delay_rows(
            row,
            end,
            x,
            x_row,
            delay[delay_row[row]],
            feedback,
            feedback_row,
            lowpass,
            lowpass_row,
            highpass,
            highpass_row,
            table,
            allpass,
            saturate,
            limit,
            has_past,
            tiny,
            line,
            v,
            tail,
            checkpoints,
            room,
        )
        for i in range(row, end):
            good[i] = legal
        row = end
