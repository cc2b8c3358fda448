"""Numba kernels of the delay line's gradient: the transposed line, run backwards in time."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from diffFx_pytorch.recursion.cpu.delay_taps import BLOCK, add_taps, fill_allpass, fill_weights, read_taps, split_block
from diffFx_pytorch.recursion.cpu.feedback_delay import CHUNK


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def _fill(source, t0, count, target):  # pragma: no cover
    if source.shape[0] == 1:
        target[:count] = source[0]
    elif source.shape[0] > 1:
        for i in range(count):
            target[i] = source[t0 + i]


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def _hand_over(values, t0, count, grad, total):  # pragma: no cover
    """Store a moving gradient, or add a constant one up."""
    if grad.shape[0] > 1:
        for i in range(count):
            grad[t0 + i] = values[i]
    elif grad.shape[0] == 1:
        for i in range(count):
            total += values[i]
    return total


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, boundscheck=False, error_model="numpy")
def _delay_row_backward(
    grad_v,
    line,
    v,
    first_tail,
    delay,
    feedback,
    lowpass,
    highpass,
    table,
    slope_table,
    allpass,
    saturate,
    limit,
    has_past,
    checkpoints,
    grad_line,
    grad_tail,
    grad_delay,
    grad_feedback,
    grad_lowpass,
    grad_highpass,
):  # pragma: no cover
    T = v.shape[0]
    pad = line.shape[0] - T
    loop = feedback.shape[0] > 0
    low = lowpass.shape[0] > 0
    high = highpass.shape[0] > 0
    youngest = 1 if loop else 0
    to_delay = grad_delay.shape[0] > 0
    most = table.shape[0]
    points = table.shape[2]
    whole = np.empty(BLOCK, np.int64)
    half = np.empty(BLOCK, np.int64)
    fraction = np.empty(BLOCK)
    weights = np.empty((points, BLOCK))
    slopes = np.empty((points + 1, BLOCK))
    poles = np.zeros(BLOCK)
    lows = np.zeros(CHUNK + 1)
    highs = np.zeros(CHUNK + 1)
    g = np.empty(BLOCK)
    cl = np.empty(CHUNK)
    ch = np.empty(CHUNK)
    looped = np.empty(BLOCK)  # what feedback multiplies
    grad_u = np.empty(BLOCK)
    to_d = np.zeros(BLOCK)
    to_g = np.empty(BLOCK)
    to_cl = np.empty(BLOCK)
    to_ch = np.empty(BLOCK)
    carry_v, carry_l, carry_m = grad_tail[0], grad_tail[1], grad_tail[2]
    sum_d, sum_g, sum_cl, sum_ch = 0.0, 0.0, 0.0, 0.0
    ready = False
    for block in range((T - 1) // BLOCK, -1, -1):
        t0 = block * BLOCK
        count = min(BLOCK, T - t0)
        if delay.shape[0] > 1 or not ready:
            if delay.shape[0] > 1:
                split_block(delay, t0, count, youngest, limit, most, allpass, whole, fraction, half)
                filled = count
            else:
                split_block(delay, 0, 1, youngest, limit, most, allpass, whole, fraction, half)
                whole[:] = whole[0]
                fraction[:] = fraction[0]
                half[:] = half[0]
                filled = BLOCK
            if allpass:
                fill_allpass(fraction, filled, weights, poles, slopes, to_delay)
            else:
                fill_weights(table, fraction, half, filled, weights)
                if to_delay:
                    fill_weights(slope_table, fraction, half, filled, slopes)
            ready = True
        if loop:
            _fill(feedback, t0, count, g)
            c0 = t0 - t0 % CHUNK
            if (low or high) and (t0 + count == T or (t0 + BLOCK) % CHUNK == 0):
                # Filter states of the chunk, again, from the state kept before it.
                length = min(CHUNK, T - c0)
                _fill(lowpass, c0, length, cl)
                _fill(highpass, c0, length, ch)
                lows[0] = checkpoints[c0 // CHUNK, 0]
                highs[0] = checkpoints[c0 // CHUNK, 1]
                for i in range(length):
                    value = np.float64(v[c0 + i])
                    if low:
                        lows[i + 1] = cl[i] * lows[i] + (1.0 - cl[i]) * value
                        value = lows[i + 1]
                    if high:
                        highs[i + 1] = ch[i] * highs[i] + (1.0 - ch[i]) * value
            offset = t0 - c0
            for i in range(count):
                value = lows[offset + i + 1] if low else np.float64(v[t0 + i])
                if high:
                    value -= highs[offset + i + 1]
                looped[i] = math.tanh(value) if saturate else value
        stop = count
        while stop > 0:
            k, t = whole[stop - 1], half[stop - 1]
            first = max(0, stop - (k - t + 1)) if loop else 0
            if delay.shape[0] > 1:
                begin = stop - 1
                while begin > first and whole[begin - 1] == k:
                    begin -= 1
                first = begin
            if loop:
                for i in range(first, stop):
                    w = np.float64(grad_line[pad + t0 + i])
                    to_g[i] = w * looped[i]
                    grad_u[i] = w * g[i]
                if saturate:
                    for i in range(first, stop):
                        grad_u[i] *= 1.0 - looped[i] * looped[i]
                offset = t0 - (t0 - t0 % CHUNK)
                if high:
                    for i in range(stop - 1, first - 1, -1):
                        j = offset + i
                        value = lows[j + 1] if low else np.float64(v[t0 + i])
                        to_m = carry_m - grad_u[i]
                        to_ch[i] = to_m * (highs[j] - value)
                        carry_m = ch[j] * to_m
                        grad_u[i] += to_m - carry_m
                if low:
                    for i in range(stop - 1, first - 1, -1):
                        j = offset + i
                        to_l = carry_l + grad_u[i]
                        to_cl[i] = to_l * (lows[j] - v[t0 + i])
                        carry_l = cl[j] * to_l
                        grad_u[i] = to_l - carry_l
                for i in range(first, stop):
                    grad_u[i] += grad_v[t0 + i]
            else:
                for i in range(first, stop):
                    grad_u[i] = grad_v[t0 + i]
            if allpass:
                for i in range(stop - 1, first - 1, -1):
                    grad_u[i] += carry_v
                    carry_v = -poles[i] * grad_u[i]
            base = pad + t0 + first - k - t
            start = first
            if base < 0 and not has_past:
                start = min(stop, first - base)
                base += start - first
                for i in range(first, start):
                    to_d[i] = 0.0
            if start < stop:
                if to_delay:
                    read_taps(line, base, slopes, start, stop, 2 * t, to_d)
                add_taps(grad_line, base, weights, start, stop, 2 * t, grad_u)
            if to_delay:
                if allpass:
                    for i in range(first, stop):
                        before = np.float64(v[t0 + i - 1]) if t0 + i > 0 else first_tail[0]
                        to_d[i] -= slopes[2, i] * before
                for i in range(first, stop):
                    to_d[i] *= grad_u[i]
            stop = first
        if to_delay:
            sum_d = _hand_over(to_d, t0, count, grad_delay, sum_d)
        if loop:
            sum_g = _hand_over(to_g, t0, count, grad_feedback, sum_g)
        if low:
            sum_cl = _hand_over(to_cl, t0, count, grad_lowpass, sum_cl)
        if high:
            sum_ch = _hand_over(to_ch, t0, count, grad_highpass, sum_ch)
    if grad_delay.shape[0] == 1:
        grad_delay[0] = sum_d
    if grad_feedback.shape[0] == 1:
        grad_feedback[0] = sum_g
    if grad_lowpass.shape[0] == 1:
        grad_lowpass[0] = sum_cl
    if grad_highpass.shape[0] == 1:
        grad_highpass[0] = sum_ch
    grad_tail[0], grad_tail[1], grad_tail[2] = carry_v, carry_l, carry_m


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def feedback_delay_backward_rows(
    start,
    stop,
    grad_v,
    grad_v_row,
    line,
    v,
    first_tail,
    delay,
    delay_row,
    feedback,
    feedback_row,
    lowpass,
    lowpass_row,
    highpass,
    highpass_row,
    table,
    slope_table,
    allpass,
    saturate,
    limit,
    has_past,
    checkpoints,
    grad_line,
    grad_tail,
    grad_delay,
    grad_feedback,
    grad_lowpass,
    grad_highpass,
):  # pragma: no cover
    """Gradients of :func:`feedback_delay_rows`, one per output row.

    ``grad_line`` (rows, pad + T) comes with the gradient of the line and leaves with that of past and input;
    ``grad_tail`` (rows, 3) likewise for the filter states. Parameter gradients are (rows, T) where the parameter
    moves, (rows, 1) where it is constant, (rows, 0) where nobody asks.
    """
    for row in range(start, stop):
        _delay_row_backward(
            grad_v[grad_v_row[row]],
            line[row],
            v[row],
            first_tail[row],
            delay[delay_row[row]],
            feedback[feedback_row[row]],
            lowpass[lowpass_row[row]],
            highpass[highpass_row[row]],
            table,
            slope_table,
            allpass,
            saturate,
            limit,
            has_past,
            checkpoints[row],
            grad_line[row],
            grad_tail[row],
            grad_delay[row],
            grad_feedback[row],
            grad_lowpass[row],
            grad_highpass[row],
        )
