"""Numba kernels of the delay line with feedback.

A row is worked through in stretches over which the whole part of the delay is constant and no longer than the delay
itself: within one, nothing read was written in it, so taps are vector operations over time, and only the loop's
filters run sample by sample. A delay of one sample is a stretch of one.

Parameter arrays are (rows, 1) constant, (rows, T) moving or (rows, 0) absent; ``*_row`` says which of their rows each
output row reads. A line holds ``pad`` samples of the past before the T of this call.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from diffFx_pytorch.recursion.cpu.delay_taps import BLOCK, fill_allpass, fill_weights, read_taps, split_block

CHUNK = 8 * BLOCK  # distance of the filter states kept for the backward pass


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def _load(source, t0, count, target):  # pragma: no cover
    if source.shape[0] > 1 or t0 == 0:
        for i in range(count):
            target[i] = source[t0 + i]
    return source.shape[0] > 0


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def _constant(source, target):  # pragma: no cover
    if source.shape[0] == 1:
        target[:] = source[0]


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, boundscheck=False, error_model="numpy")
def _delay_row(
    x, delay, feedback, lowpass, highpass, table, allpass, saturate, limit, has_past, tiny, line, v, tail, checkpoints
):  # pragma: no cover
    """One row of :func:`feedback_delay_rows`; returns whether every delay was legal."""
    T = v.shape[0]
    pad = line.shape[0] - T
    loop = feedback.shape[0] > 0
    low = lowpass.shape[0] > 0
    high = highpass.shape[0] > 0
    youngest = 1 if loop else 0
    whole = np.empty(BLOCK, np.int64)
    half = np.empty(BLOCK, np.int64)
    fraction = np.empty(BLOCK)
    weights = np.empty((table.shape[2], BLOCK))
    poles = np.zeros(BLOCK)
    g = np.empty(BLOCK)
    cl = np.empty(BLOCK)
    ch = np.empty(BLOCK)
    u = np.empty(BLOCK)
    good = True
    last, l, m = tail[0], tail[1], tail[2]  # noqa: E741
    _constant(feedback, g)
    _constant(lowpass, cl)
    _constant(highpass, ch)
    if not loop:
        line[pad:] = x
    for t0 in range(0, T, BLOCK):
        count = min(BLOCK, T - t0)
        if delay.shape[0] > 1 or t0 == 0:
            if delay.shape[0] > 1:
                good &= split_block(delay, t0, count, youngest, limit, table.shape[0], allpass, whole, fraction, half)
            else:
                good &= split_block(delay, 0, 1, youngest, limit, table.shape[0], allpass, whole, fraction, half)
                whole[:] = whole[0]
                fraction[:] = fraction[0]
                half[:] = half[0]
            if allpass:
                fill_allpass(fraction, BLOCK if delay.shape[0] == 1 else count, weights, poles, weights, False)
            else:
                fill_weights(table, fraction, half, BLOCK if delay.shape[0] == 1 else count, weights)
        if feedback.shape[0] > 1:
            _load(feedback, t0, count, g)
        if lowpass.shape[0] > 1:
            _load(lowpass, t0, count, cl)
        if highpass.shape[0] > 1:
            _load(highpass, t0, count, ch)
        if checkpoints.shape[0] > 0 and t0 % CHUNK == 0:
            checkpoints[t0 // CHUNK, 0] = l
            checkpoints[t0 // CHUNK, 1] = m
        first = 0
        while first < count:
            k, t = whole[first], half[first]
            stop = min(count, first + (k - t + 1)) if loop else count
            if delay.shape[0] > 1:
                end = first + 1
                while end < stop and whole[end] == k:
                    end += 1
                stop = end
            base = pad + t0 + first - k - t
            start = first
            if base < 0 and not has_past:
                # Older than the line: silence, and the few taps that do reach it lie in its leading zeros.
                start = min(stop, first - base)
                for i in range(first, start):
                    u[i] = 0.0
                base += start - first
            if start < stop:
                read_taps(line, base, weights, start, stop, 2 * t, u)
            if allpass:
                for i in range(first, stop):
                    last = u[i] - poles[i] * last
                    u[i] = last
            for i in range(first, stop):
                v[t0 + i] = u[i]
            if loop:
                if low:
                    for i in range(first, stop):
                        l = cl[i] * l + (1.0 - cl[i]) * u[i]  # noqa: E741
                        u[i] = l
                if high:
                    for i in range(first, stop):
                        m = ch[i] * m + (1.0 - ch[i]) * u[i]
                        u[i] -= m
                if saturate:
                    for i in range(first, stop):
                        u[i] = math.tanh(u[i])
                target = line[pad + t0 : pad + t0 + count]
                source = x[t0 : t0 + count]
                for i in range(first, stop):
                    w = source[i] + g[i] * u[i]
                    target[i] = 0.0 if abs(w) < tiny else w
            first = stop
        last = 0.0 if abs(last) < tiny else last
        l = 0.0 if abs(l) < tiny else l  # noqa: E741
        m = 0.0 if abs(m) < tiny else m
    tail[0], tail[1], tail[2] = last, l, m
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
    for row in range(start, stop):
        good[row] = _delay_row(
            x[x_row[row]],
            delay[delay_row[row]],
            feedback[feedback_row[row]],
            lowpass[lowpass_row[row]],
            highpass[highpass_row[row]],
            table,
            allpass,
            saturate,
            limit,
            has_past,
            tiny,
            line[row],
            v[row],
            tail[row],
            checkpoints[row],
        )
