"""Numba kernels of the delay line's gradient: the transposed line, run backwards in time."""

from __future__ import annotations

import math

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.recursion.cpu.delay_taps import (
    BLOCK,
    INLINE,
    ROOM,
    add_taps,
    copy_range,
    fill_all,
    fill_allpass,
    fill_weights,
    read_one,
    read_taps,
)
from diffFx_pytorch.recursion.cpu.feedback_delay import (
    CHUNK,
    FEW,
    SHARING,
    load_parameter,
    prepare_taps,
    rows_that_share,
)
from diffFx_pytorch.recursion.cpu.inner import INNER
from diffFx_pytorch.recursion.cpu.tap_lanes import MARGIN, prefetch

LINE = 8  # values a cache line holds, the wider ones
AHEAD = 2 * BLOCK  # how long before its use memory is asked for


@njit(**INNER)
def _same_from(values, stop, first):  # pragma: no cover
    """Where the stretch of equal values that ends before ``stop`` begins, looking eight at a time."""
    value = values[stop - 1]
    begin = stop - 1
    while begin - 8 >= first:
        part = values[begin - 8 : begin]
        different = np.int64(0)
        for i in range(8):
            different |= part[i] ^ value
        if different != 0:
            break
        begin -= 8
    while begin > first and values[begin - 1] == value:
        begin -= 1
    return begin


@njit(**INLINE)
def _add_range(source, s0, target, t0, count):  # pragma: no cover
    a = source[s0 : s0 + count]
    b = target[t0 : t0 + count]
    for i in range(count):
        b[i] += a[i]


@njit(**INLINE)
def _hand_over(values, t0, count, grad, total, add):  # pragma: no cover
    """Store a moving gradient or ``add`` it to what is there, or add a constant one up."""
    if grad.shape[0] > 1 and add:
        _add_range(values, 0, grad, t0, count)
    elif grad.shape[0] > 1:
        copy_range(values, 0, grad, t0, count)
    elif grad.shape[0] == 1:
        # Four sums side by side: one alone waits for each addition.
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        for i in range(0, count - 3, 4):
            a += values[i]
            b += values[i + 1]
            c += values[i + 2]
            d += values[i + 3]
        for i in range(count - count % 4, count):
            a += values[i]
        total += (a + b) + (c + d)
    return total


@njit(**INNER)
def _filter_states(v, c0, count, cl, low, ch, high, lows, highs):  # pragma: no cover
    """Low- and high-pass states of a chunk, again; index 0 holds the states before it."""
    for i in range(count):
        value = np.float64(v[c0 + i])
        if low:
            lows[i + 1] = cl[i] * lows[i] + (1.0 - cl[i]) * value
            value = lows[i + 1]
        if high:
            highs[i + 1] = ch[i] * highs[i] + (1.0 - ch[i]) * value


@njit(**INLINE)
def _looped(v, t0, count, offset, low, lows, high, highs, saturate, out):  # pragma: no cover
    """What feedback multiplies, for a block."""
    copy_range(v, t0, out, 0, count)
    if low:
        copy_range(lows, offset + 1, out, 0, count)
    if high:
        take = highs[offset + 1 : offset + 1 + count]
        for i in range(count):
            out[i] -= take[i]
    if saturate:
        for i in range(count):
            out[i] = math.tanh(out[i])


@njit(**INLINE)
def _open_loop(grad_line, now, g, looped, first, count, saturate, to_g, grad_u):  # pragma: no cover
    given = grad_line[now : now + count]
    gains = g[first : first + count]
    part = looped[first : first + count]
    slope = to_g[first : first + count]
    out = grad_u[first : first + count]
    for i in range(count):
        w = np.float64(given[i])
        slope[i] = w * part[i]
        out[i] = w * gains[i]
    if saturate:
        for i in range(count):
            out[i] *= 1.0 - part[i] * part[i]


@njit(**INNER)
def _highpass_back(grad_u, c, levels, lows, low, v, t0, first, count, offset, carry, to_c):  # pragma: no cover
    for i in range(first + count - 1, first - 1, -1):
        j = offset + i
        value = lows[j + 1] if low else np.float64(v[t0 + i])
        total = carry - grad_u[i]
        to_c[i] = total * (levels[j] - value)
        carry = c[j] * total
        grad_u[i] += total - carry
    return carry


@njit(**INNER)
def _lowpass_back(grad_u, c, levels, v, t0, first, count, offset, carry, to_c):  # pragma: no cover
    for i in range(first + count - 1, first - 1, -1):
        j = offset + i
        total = carry + grad_u[i]
        to_c[i] = total * (levels[j] - np.float64(v[t0 + i]))
        carry = c[j] * total
        grad_u[i] = total - carry
    return carry


@njit(**INLINE)
def _fetch(values, first):  # pragma: no cover
    """Have the cache lines of a block on their way before it is wanted."""
    for i in range(0, BLOCK, LINE):
        prefetch(values, max(0, first + i))


@njit(**INLINE)
def _times(a, b, count):  # pragma: no cover
    for i in range(count):
        a[i] *= b[i]


@njit(**INLINE)
def _delay_block_backward(
    t0,
    count,
    offset,
    loop,
    low,
    high,
    saturate,
    allpass,
    moves,
    has_past,
    to_delay,
    whole,
    half,
    weights,
    slopes,
    poles,
    g,
    cl,
    ch,
    lows,
    highs,
    looped,
    grad_u,
    padded,
    to_d,
    to_g,
    to_cl,
    to_ch,
    first_tail,
    line,
    v,
    grad_v,
    grad_line,
    carry,
):  # pragma: no cover
    """A block of one row, its taps, parameters and filter states prepared; leaves the gradients of its parameters."""
    pad = line.shape[0] - v.shape[0]
    carry_v, carry_l, carry_m = carry[0], carry[1], carry[2]
    stop = count
    while stop > 0:
        k, t = whole[stop - 1], half[stop - 1]
        first = max(0, stop - (k - t + 1)) if loop else 0
        if moves:
            first = _same_from(whole, stop, first)
        length = stop - first
        now = pad + t0 + first
        base = now - k - t
        if loop:
            _open_loop(grad_line, now, g, looped, first, length, saturate, to_g, grad_u)
            if high:
                carry_m = _highpass_back(grad_u, ch, highs, lows, low, v, t0, first, length, offset, carry_m, to_ch)
            if low:
                carry_l = _lowpass_back(grad_u, cl, lows, v, t0, first, length, offset, carry_l, to_cl)
            _add_range(grad_v, t0 + first, grad_u, first, length)
        else:
            copy_range(grad_v, t0 + first, grad_u, first, length)
        if allpass:
            for i in range(stop - 1, first - 1, -1):
                grad_u[i] += carry_v
                carry_v = -poles[i] * grad_u[i]
        if length < FEW:
            for i in range(length):
                at = first + i
                if to_delay:
                    to_d[at] = read_one(line, base + i, slopes, at, 2 * t)
                for p in range(max(0, -base - i), 2 * t):
                    grad_line[base + i + p] += weights[p, MARGIN + at] * grad_u[at]
        else:
            silent = 0 if has_past else min(length, max(0, -base))
            for i in range(silent):
                to_d[first + i] = 0.0
            if silent < length:
                if to_delay:
                    # Not straight to its place: what runs over would fall on the stretch after, done before this one.
                    read_taps(line, base + silent, slopes, first + silent, length - silent, 2 * t, padded, MARGIN)
                    copy_range(padded, MARGIN, to_d, first + silent, length - silent)
                add_taps(grad_line, base + silent, weights, first + silent, length - silent, 2 * t, grad_u, padded)
        stop = first
    if to_delay:
        if allpass:
            for i in range(count):
                before = np.float64(v[t0 + i - 1]) if t0 + i > 0 else first_tail[0]
                to_d[i] -= slopes[2, MARGIN + i] * before
        _times(to_d, grad_u, count)
    carry[0], carry[1], carry[2] = carry_v, carry_l, carry_m


@njit(**INNER)
def _delay_rows_backward(
    start,
    stop,
    grad_v,
    grad_v_row,
    line,
    v,
    first_tail,
    delay,
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
    to_line,
    grad_tail,
    grad_delay,
    grad_feedback,
    grad_lowpass,
    grad_highpass,
    room,
):  # pragma: no cover
    """Rows of :func:`feedback_delay_backward_rows` that share a delay; ``to_line`` has a row for each."""
    T = v.shape[1]
    pad = line.shape[1] - T
    loop = feedback.shape[1] > 0
    low = lowpass.shape[1] > 0
    high = highpass.shape[1] > 0
    moves = delay.shape[0] > 1
    youngest = 1 if loop else 0
    to_delay = grad_delay.shape[1] > 0
    together = v.shape[0] // grad_delay.shape[0]
    shared = stop - start
    whole, half, fraction, weights, slopes, poles, lows, highs, g, cl, ch, looped, grad_u, padded = room[:14]
    to_d, to_g, to_cl, to_ch, sums = room[14:]
    for i in range(shared):
        fill_all(sums[i], 0.0)
    ready = False
    for block in range((T - 1) // BLOCK, -1, -1):
        t0 = block * BLOCK
        count = min(BLOCK, T - t0)
        c0 = t0 - t0 % CHUNK
        offset = t0 - c0
        if moves and t0 > 0:
            _fetch(delay, t0 - AHEAD)
        fresh = not ready or shared > 1
        if moves or not ready:
            prepare_taps(delay, t0, count, youngest, limit, table, allpass, whole, fraction, half, weights, poles)
            filled = count if moves else BLOCK
            if to_delay and allpass:
                fill_allpass(fraction, filled, weights, poles, slopes, True)
            elif to_delay:
                fill_weights(slope_table, -1.0, fraction, half, filled, slopes)
            ready = True
        for row in range(start, stop):
            i = row - start
            given = grad_v[grad_v_row[row]]
            # Blocks come in falling order and are read in rising order, which no hardware prefetcher sees through.
            if t0 > 0:
                _fetch(v[row], t0 - AHEAD)
                _fetch(given, t0 - AHEAD)
                _fetch(line[row], pad + t0 - AHEAD - whole[0])
                _fetch(to_line[i], pad + t0 - AHEAD - whole[0])
            if loop:
                load_parameter(feedback[feedback_row[row]], t0, count, fresh, g)
                if (low or high) and (t0 + count == T or (t0 + BLOCK) % CHUNK == 0):
                    length = min(CHUNK, T - c0)
                    load_parameter(lowpass[lowpass_row[row]], c0, length, True, cl[i])
                    load_parameter(highpass[highpass_row[row]], c0, length, True, ch[i])
                    lows[i, 0] = checkpoints[row, c0 // CHUNK, 0]
                    highs[i, 0] = checkpoints[row, c0 // CHUNK, 1]
                    _filter_states(v[row], c0, length, cl[i], low, ch[i], high, lows[i], highs[i])
                _looped(v[row], t0, count, offset, low, lows[i], high, highs[i], saturate, looped)
            _delay_block_backward(
                t0,
                count,
                offset,
                loop,
                low,
                high,
                saturate,
                allpass,
                moves,
                has_past,
                to_delay,
                whole,
                half,
                weights,
                slopes,
                poles,
                g,
                cl[i],
                ch[i],
                lows[i],
                highs[i],
                looped,
                grad_u,
                padded,
                to_d,
                to_g,
                to_cl,
                to_ch,
                first_tail[row],
                line[row],
                v[row],
                given,
                to_line[i],
                grad_tail[row],
            )
            if to_delay:
                sums[i, 0] = _hand_over(to_d, t0, count, grad_delay[row // together], sums[i, 0], row % together > 0)
            if loop:
                sums[i, 1] = _hand_over(to_g, t0, count, grad_feedback[row], sums[i, 1], False)
            if low:
                sums[i, 2] = _hand_over(to_cl, t0, count, grad_lowpass[row], sums[i, 2], False)
            if high:
                sums[i, 3] = _hand_over(to_ch, t0, count, grad_highpass[row], sums[i, 3], False)
    for row in range(start, stop):
        i = row - start
        if grad_delay.shape[1] == 1:
            before = grad_delay[row // together, 0] if row % together > 0 else 0.0
            grad_delay[row // together, 0] = before + sums[i, 0]
        if grad_feedback.shape[1] == 1:
            grad_feedback[row, 0] = sums[i, 1]
        if grad_lowpass.shape[1] == 1:
            grad_lowpass[row, 0] = sums[i, 2]
        if grad_highpass.shape[1] == 1:
            grad_highpass[row, 0] = sums[i, 3]


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
    grad_past,
    grad_x,
    grad_tail,
    grad_delay,
    grad_feedback,
    grad_lowpass,
    grad_highpass,
):  # pragma: no cover
    """Gradients of :func:`feedback_delay_rows`, one per output row.

    ``grad_line`` (rows, pad + T) is the gradient of the line, or has no columns; ``grad_past`` (rows, pad) and
    ``grad_x`` (rows, T) are what becomes of it. ``grad_tail`` (rows, 3) comes with the gradient of the last filter
    states and leaves with that of the first. Parameter gradients are (rows, T) where the parameter
    moves, (rows, 1) where it is constant, (rows, 0) where nobody asks. Of ``grad_delay`` there
    may be fewer rows, each the sum over as many successive rows, which read the same delay and come in one piece.
    """
    T = v.shape[1]
    pad = line.shape[1] - T
    most = min(SHARING, stop - start)
    to_line = np.empty((most, pad + T), line.dtype)
    room = (
        np.empty(BLOCK, np.int64),
        np.empty(BLOCK, np.int64),
        np.empty(BLOCK),
        np.zeros((2 * table.shape[0], ROOM)),
        np.zeros((2 * table.shape[0] + 1, ROOM)),
        np.zeros(BLOCK),
        np.zeros((most, CHUNK + 1)),
        np.zeros((most, CHUNK + 1)),
        np.empty(BLOCK),
        np.empty((most, CHUNK)),
        np.empty((most, CHUNK)),
        np.empty(BLOCK),
        np.empty(BLOCK),
        np.zeros(ROOM),
        np.zeros(BLOCK),
        np.empty(BLOCK),
        np.empty(BLOCK),
        np.empty(BLOCK),
        np.zeros((most, 4)),
    )
    row = start
    while row < stop:
        end = rows_that_share(delay_row, row, stop)
        for i in range(end - row):
            if grad_line.shape[1] > 0:
                copy_range(grad_line[row + i], 0, to_line[i], 0, pad + T)
            else:
                fill_all(to_line[i], 0.0)
        _delay_rows_backward(
            row,
            end,
            grad_v,
            grad_v_row,
            line,
            v,
            first_tail,
            delay[delay_row[row]],
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
            to_line,
            grad_tail,
            grad_delay,
            grad_feedback,
            grad_lowpass,
            grad_highpass,
            room,
        )
        for i in range(end - row):
            copy_range(to_line[i], 0, grad_past[row + i], 0, pad)
            copy_range(to_line[i], pad, grad_x[row + i], 0, T)
        row = end
