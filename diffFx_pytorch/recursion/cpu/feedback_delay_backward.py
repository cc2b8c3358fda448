"""Numba kernels of the delay line's gradient: the transposed line, run backwards in time."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import prefetch
from diffFx_pytorch.recursion.cpu.feedback_delay import CHUNK, FEW, SHARING, load_parameter, loop_of, rows_that_share
from diffFx_pytorch.recursion.cpu.taps import (
    BLOCK,
    GIVEN,
    INLINE,
    MARGIN,
    ROOM,
    add_range,
    add_taps,
    copy_range,
    fill_all,
    prepare_taps,
    read_one,
    read_taps,
    same_from,
    taps_in,
)

LINE = 8  # values a cache line holds, the wider ones
AHEAD = 2 * BLOCK  # how long before its use memory is asked for
_WIDTH = CHUNK + LINE


class Chunk(NamedTuple):
    """Coefficients of a chunk of one row, and the states of its filters; index 0 holds the states before it."""

    low: Any
    high: Any
    lows: Any
    highs: Any


class Gradients(NamedTuple):
    """A block of one row: gain and signal of the feedback path, the gradient on its way, those of the parameters."""

    gain: Any
    s: Any
    u: Any
    padded: Any
    delay: Any
    feedback: Any
    lowpass: Any
    highpass: Any


@njit(**INLINE)
def pass_on(values, t0, count, grad, total, add):  # pragma: no cover
    """Store a time-varying gradient or ``add`` it to what is there; sum a constant one up."""
    if grad.shape[0] > 1 and add:
        add_range(values, 0, grad, t0, count)
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
def _filter_states(v, c0, count, loop, chunk):  # pragma: no cover
    """Low- and high-pass states of a chunk, again."""
    for i in range(count):
        value = np.float64(v[c0 + i])
        if loop.low:
            chunk.lows[i + 1] = chunk.low[i] * chunk.lows[i] + (1.0 - chunk.low[i]) * value
            value = chunk.lows[i + 1]
        if loop.high:
            chunk.highs[i + 1] = chunk.high[i] * chunk.highs[i] + (1.0 - chunk.high[i]) * value


@njit(**INLINE)
def _loop_signal(v, t0, count, offset, loop, chunk, out):  # pragma: no cover
    """What feedback multiplies, for a block."""
    copy_range(v, t0, out, 0, count)
    if loop.low:
        copy_range(chunk.lows, offset + 1, out, 0, count)
    if loop.high:
        take = chunk.highs[offset + 1 : offset + 1 + count]
        for i in range(count):
            out[i] -= take[i]
    if loop.saturate:
        for i in range(count):
            out[i] = math.tanh(out[i])


@njit(**INLINE)
def _close_loop_adjoint(grad_line, now, block, first, count, saturate):  # pragma: no cover
    given = grad_line[now : now + count]
    gains = block.gain[first : first + count]
    part = block.s[first : first + count]
    slope = block.feedback[first : first + count]
    out = block.u[first : first + count]
    for i in range(count):
        w = np.float64(given[i])
        slope[i] = w * part[i]
        out[i] = w * gains[i]
    if saturate:
        for i in range(count):
            out[i] *= 1.0 - part[i] * part[i]


@njit(**INNER)
def _highpass_adjoint(u, chunk, low, v, t0, first, count, offset, carry, grad_c):  # pragma: no cover
    for i in range(first + count - 1, first - 1, -1):
        j = offset + i
        value = chunk.lows[j + 1] if low else np.float64(v[t0 + i])
        total = carry - u[i]
        grad_c[i] = total * (chunk.highs[j] - value)
        carry = chunk.high[j] * total
        u[i] += total - carry
    return carry


@njit(**INNER)
def _lowpass_adjoint(u, chunk, v, t0, first, count, offset, carry, grad_c):  # pragma: no cover
    for i in range(first + count - 1, first - 1, -1):
        j = offset + i
        total = carry + u[i]
        grad_c[i] = total * (chunk.lows[j] - np.float64(v[t0 + i]))
        carry = chunk.low[j] * total
        u[i] = total - carry
    return carry


@njit(**INLINE)
def fetch(values, first):  # pragma: no cover
    """Have the cache lines of a block on their way before it is needed."""
    for i in range(0, BLOCK, LINE):
        prefetch(values, max(0, first + i))


@njit(**INLINE)
def _delay_block_adjoint(
    t0, count, offset, loop, to_delay, taps, chunk, block, first_state, line, v, grad_v, grad_line, carry
):  # pragma: no cover
    """A block of one row, its taps, parameters and filter states prepared; leaves the gradients of its parameters."""
    u = block.u
    pad = line.shape[0] - v.shape[0]
    carry_v, carry_l, carry_m = carry[0], carry[1], carry[2]
    stop = count
    while stop > 0:
        k, t = taps.whole[stop - 1], taps.half[stop - 1]
        first = max(0, stop - (k - t + 1))
        if loop.moves:
            first = same_from(taps.whole, stop, first)
        length = stop - first
        now = pad + t0 + first
        base = now - k - t
        _close_loop_adjoint(grad_line, now, block, first, length, loop.saturate)
        if loop.high:
            carry_m = _highpass_adjoint(u, chunk, loop.low, v, t0, first, length, offset, carry_m, block.highpass)
        if loop.low:
            carry_l = _lowpass_adjoint(u, chunk, v, t0, first, length, offset, carry_l, block.lowpass)
        add_range(grad_v, t0 + first, u, first, length)
        if loop.allpass:
            for i in range(stop - 1, first - 1, -1):
                u[i] += carry_v
                carry_v = -taps.poles[i] * u[i]
        if length < FEW:
            for i in range(length):
                at = first + i
                if to_delay:
                    block.delay[at] = read_one(line, base + i, taps.slopes, at, 2 * t)
                for p in range(max(0, -base - i), 2 * t):
                    grad_line[base + i + p] += taps.weights[p * ROOM + MARGIN + at] * u[at]
        else:
            if to_delay:
                # Not straight to its place: what runs over would fall on the stretch after, done before this one.
                read_taps(line, base, taps.slopes, first, length, 2 * t, block.padded, MARGIN)
                copy_range(block.padded, MARGIN, block.delay, first, length)
            add_taps(grad_line, base, taps.weights, first, length, 2 * t, u, block.padded)
        stop = first
    if to_delay:
        if loop.allpass:
            for i in range(count):
                last = np.float64(v[t0 + i - 1]) if t0 + i > 0 else first_state[0]
                block.delay[i] -= taps.slopes[2 * ROOM + MARGIN + i] * last
        for i in range(count):
            block.delay[i] *= u[i]
    carry[0], carry[1], carry[2] = carry_v, carry_l, carry_m


@njit(**INNER)
def _rows(
    start, stop, grad_v, grad_line, parameters, kept, tables, options, to_signals, to_parameters, taps, block, filters,
    sums, to_line,
):  # fmt: skip  # pragma: no cover
    delay, feedback, lowpass, highpass = parameters
    first_state, v, line, checkpoints = kept
    to_past, to_x, to_state = to_signals
    grad_delay, grad_feedback, grad_lowpass, grad_highpass = to_parameters
    T = v.shape[1]
    pad = line.shape[1] - T
    loop = loop_of(parameters, options)
    to_delay = grad_delay.shape[1] > 0
    together = v.shape[0] // grad_delay.shape[0]
    row = start
    while row < stop:
        end = rows_that_share(delay[1], row, stop)
        shared = end - row
        for i in range(shared):
            target = to_line[i * (pad + T) : (i + 1) * (pad + T)]
            if grad_line.shape[1] > 0:
                copy_range(grad_line[row + i], 0, target, 0, pad + T)
            else:
                fill_all(target, 0.0)
        fill_all(sums, 0.0)
        delays = delay[0][delay[1][row]]
        ready = False
        for number in range((T - 1) // BLOCK, -1, -1):
            t0 = number * BLOCK
            count = min(BLOCK, T - t0)
            c0 = t0 - t0 % CHUNK
            if loop.moves and t0 > 0:
                fetch(delays, t0 - AHEAD)
            fresh = not ready or shared > 1
            if loop.moves or not ready:
                prepare_taps(delays, t0, count, 1, options[2], tables, loop.allpass, taps)
                ready = True
            for r in range(row, end):
                i = r - row
                given, pending = grad_v[0][grad_v[1][r]], to_line[i * (pad + T) : (i + 1) * (pad + T)]
                base = 4 * i * _WIDTH
                chunk = Chunk(
                    filters[base : base + CHUNK],
                    filters[base + _WIDTH : base + _WIDTH + CHUNK],
                    filters[base + 2 * _WIDTH : base + 3 * _WIDTH],
                    filters[base + 3 * _WIDTH : base + 4 * _WIDTH],
                )
                # Blocks come in falling order and are read in rising order, which no hardware prefetcher sees through.
                if t0 > 0:
                    fetch(v[r], t0 - AHEAD)
                    fetch(given, t0 - AHEAD)
                    fetch(line[r], pad + t0 - AHEAD - taps.whole[0])
                    fetch(pending, pad + t0 - AHEAD - taps.whole[0])
                load_parameter(feedback, r, t0, count, fresh, block.gain)
                if (loop.low or loop.high) and (t0 + count == T or (t0 + BLOCK) % CHUNK == 0):
                    length = min(CHUNK, T - c0)
                    load_parameter(lowpass, r, c0, length, True, chunk.low)
                    load_parameter(highpass, r, c0, length, True, chunk.high)
                    chunk.lows[0] = checkpoints[r, c0 // CHUNK, 0]
                    chunk.highs[0] = checkpoints[r, c0 // CHUNK, 1]
                    _filter_states(v[r], c0, length, loop, chunk)
                _loop_signal(v[r], t0, count, t0 - c0, loop, chunk, block.s)
                _delay_block_adjoint(
                    t0, count, t0 - c0, loop, to_delay, taps, chunk, block, first_state[r], line[r], v[r], given,
                    pending, to_state[r],
                )  # fmt: skip
                if to_delay:
                    add = r % together > 0
                    sums[4 * i] = pass_on(block.delay, t0, count, grad_delay[r // together], sums[4 * i], add)
                sums[4 * i + 1] = pass_on(block.feedback, t0, count, grad_feedback[r], sums[4 * i + 1], False)
                if loop.low:
                    sums[4 * i + 2] = pass_on(block.lowpass, t0, count, grad_lowpass[r], sums[4 * i + 2], False)
                if loop.high:
                    sums[4 * i + 3] = pass_on(block.highpass, t0, count, grad_highpass[r], sums[4 * i + 3], False)
        for r in range(row, end):
            i = r - row
            if grad_delay.shape[1] == 1:
                others = grad_delay[r // together, 0] if r % together > 0 else 0.0
                grad_delay[r // together, 0] = others + sums[4 * i]
            if grad_feedback.shape[1] == 1:
                grad_feedback[r, 0] = sums[4 * i + 1]
            if grad_lowpass.shape[1] == 1:
                grad_lowpass[r, 0] = sums[4 * i + 2]
            if grad_highpass.shape[1] == 1:
                grad_highpass[r, 0] = sums[4 * i + 3]
            copy_range(to_line, i * (pad + T), to_past[r], 0, pad)
            copy_range(to_line, i * (pad + T) + pad, to_x[r], 0, T)
        row = end


def backward_room(rows: int, line: np.ndarray) -> tuple[np.ndarray, ...]:
    """Memory of one thread for the gradient of so many rows: of blocks, filters, sums, and of lines on their way."""
    rows = min(SHARING, rows)
    filters, sums = np.zeros(4 * rows * _WIDTH), np.zeros(4 * rows)
    return np.zeros(8 * ROOM), filters, sums, np.zeros(rows * line.shape[1], line.dtype)


@njit(**GIVEN)
def feedback_delay_backward_rows(
    start, stop, grad_v, grad_line, parameters, kept, tables, options, to_signals, to_parameters, taps_room, room
):  # pragma: no cover
    """Gradients of :func:`feedback_delay_rows`, one per output row.

    Args:
        start: first row.
        stop: one after the last.
        grad_v: gradient of the tap, and the index of its rows.
        grad_line: (rows, pad + T), of the line, or no columns.
        parameters: as forward.
        kept: the states before the first sample (rows, 3); tap, line and checkpoints of the forward pass.
        tables: of weights and slopes.
        options: as forward.
        to_signals: gradients of past (rows, pad) and input (rows, T), filled, and (rows, 3) that of the last states,
            which becomes that of the first.
        to_parameters: of delay, feedback, low-pass and high-pass: (rows, T) where time-varying, (rows, 1) where
            constant, no columns where nobody asks. Of the delay there may be fewer rows, each the sum over as many
            successive rows, which read the same delay and come in one piece.
        taps_room: for taps and their slopes.
        room: from :func:`backward_room`.
    """
    taps = taps_in(taps_room, 2 * tables[0].shape[0])
    buffers, filters, sums, to_line = room
    a, b, c, d, e, f, g = ROOM, 2 * ROOM, 3 * ROOM, 4 * ROOM, 5 * ROOM, 6 * ROOM, 7 * ROOM
    block = Gradients(
        buffers[:a], buffers[a:b], buffers[b:c], buffers[c:d], buffers[d:e], buffers[e:f], buffers[f:g], buffers[g:]
    )
    _rows(
        start, stop, grad_v, grad_line, parameters, kept, tables, options, to_signals, to_parameters, taps, block,
        filters, sums, to_line,
    )  # fmt: skip
