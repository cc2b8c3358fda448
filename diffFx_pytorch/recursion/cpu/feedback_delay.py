"""Numba kernels of the delay line with feedback; ``delay_read`` has those without.

A row is worked through in stretches over which the whole part of the delay is constant and no longer than the delay
itself: within one, nothing read was written in it, so taps are vector operations over time, and only the loop's
filters run sample by sample. A delay of one sample is a stretch of one. Rows that read the same delay (channels,
mostly) go through a block one after the other, and its weights are computed once.

A parameter is an array (rows, 1) constant, (rows, T) time-varying or (1, 0) absent, and an index that says which of its
rows each output row reads. A line holds ``pad`` samples of the past before the T of this call.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.recursion.cpu.taps import (
    BLOCK,
    GIVEN,
    INLINE,
    ROOM,
    copy_range,
    fill_all,
    prepare_taps,
    read_one,
    read_taps,
    same_until,
    taps_in,
)

CHUNK = 8 * BLOCK  # distance of the filter states kept for the backward pass
FEW = 8  # a shorter stretch is worked sample by sample
SHARING = 4  # rows that take turns; more of them would be more streams than the hardware fetches ahead


class Loop(NamedTuple):
    """What the feedback path of a call has."""

    low: Any
    high: Any
    saturate: Any
    allpass: Any
    """Whether the interpolator is the recursive all-pass."""
    moves: Any
    """Whether the delay varies in time."""
    threshold: Any
    """What is smaller is set to zero."""


class Buffers(NamedTuple):
    """A block of one row's parameters, and of the signal in the feedback path."""

    gain: Any
    low: Any
    high: Any
    u: Any


@njit(**INNER)
def loop_of(parameters, options):  # pragma: no cover
    """What there is, seen from the shapes of the parameters and the options of a call."""
    delay, _, lowpass, highpass = parameters
    allpass, saturate, _, threshold = options
    return Loop(lowpass[0].shape[1] > 0, highpass[0].shape[1] > 0, saturate, allpass, delay[0].shape[1] > 1, threshold)


@njit(**INNER)
def allpass(u, poles, first, count, state):  # pragma: no cover
    """The pole of the all-pass interpolator over a block, from its last output; returns that of the block."""
    for i in range(first, first + count):
        state = u[i] - poles[i] * state
        u[i] = state
    return state


@njit(**INNER)
def _lowpass(u, c, first, count, state):  # pragma: no cover
    for i in range(first, first + count):
        state = c[i] * state + (1.0 - c[i]) * u[i]
        u[i] = state
    return state


@njit(**INNER)
def _highpass(u, c, first, count, state):  # pragma: no cover
    for i in range(first, first + count):
        state = c[i] * state + (1.0 - c[i]) * u[i]
        u[i] -= state
    return state


@njit(**INLINE)
def _close_loop(x, x0, gain, u, first, count, threshold, line, line0):  # pragma: no cover
    given = x[x0 : x0 + count]
    gains = gain[first : first + count]
    part = u[first : first + count]
    target = line[line0 : line0 + count]
    for i in range(count):
        w = np.float64(given[i]) + gains[i] * part[i]
        target[i] = 0.0 if abs(w) < threshold else w


@njit(**INLINE)
def load_parameter(parameter, row, t0, count, fresh, target):  # pragma: no cover
    """The block of a time-varying parameter; a constant one is loaded only where the target holds something else."""
    source = parameter[0][parameter[1][row]]
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
def _delay_block(x, t0, count, loop, taps, block, line, v, state):  # pragma: no cover
    """A block of one row, its taps and parameters prepared."""
    u = block.u
    pad = line.shape[0] - v.shape[0]
    last, l, m = state[0], state[1], state[2]  # noqa: E741
    first = 0
    while first < count:
        k, t = taps.whole[first], taps.half[first]
        stop = min(count, first + (k - t + 1))
        if loop.moves:
            stop = same_until(taps.whole, first, stop)
        length = stop - first
        now = pad + t0 + first
        base = now - k - t
        if length < FEW:
            for i in range(length):
                at = first + i
                value = read_one(line, base + i, taps.weights, at, 2 * t)
                if loop.allpass:
                    value -= taps.poles[at] * last
                    last = value
                v[t0 + at] = value
                if loop.low:
                    l = block.low[at] * l + (1.0 - block.low[at]) * value  # noqa: E741
                    value = l
                if loop.high:
                    m = block.high[at] * m + (1.0 - block.high[at]) * value
                    value -= m
                if loop.saturate:
                    value = math.tanh(value)
                w = np.float64(x[t0 + at]) + block.gain[at] * value
                line[now + i] = 0.0 if abs(w) < loop.threshold else w
        else:
            read_taps(line, base, taps.weights, first, length, 2 * t, u, first)
            if loop.allpass:
                last = allpass(u, taps.poles, first, length, last)
            copy_range(u, first, v, t0 + first, length)
            if loop.low:
                l = _lowpass(u, block.low, first, length, l)  # noqa: E741
            if loop.high:
                m = _highpass(u, block.high, first, length, m)
            if loop.saturate:
                for i in range(first, stop):
                    u[i] = math.tanh(u[i])
            _close_loop(x, t0 + first, block.gain, u, first, length, loop.threshold, line, now)
        first = stop
    state[0] = 0.0 if abs(last) < loop.threshold else last
    state[1] = 0.0 if abs(l) < loop.threshold else l
    state[2] = 0.0 if abs(m) < loop.threshold else m


@njit(**INNER)
def _rows(start, stop, x, parameters, tables, options, outputs, good, taps, block):  # pragma: no cover
    delay, feedback, lowpass, highpass = parameters
    v, (line, window), state, checkpoints = outputs
    T = v.shape[1]
    loop = loop_of(parameters, options)
    row = start
    while row < stop:
        end = rows_that_share(delay[1], row, stop)
        delays = delay[0][delay[1][row]]
        legal = True
        for t0 in range(0, T, BLOCK):
            count = min(BLOCK, T - t0)
            if loop.moves or t0 == 0:
                legal &= prepare_taps(delays, t0, count, 1, options[2], tables, loop.allpass, taps)
            fresh = t0 == 0 or end > row + 1
            for r in range(row, end):
                load_parameter(feedback, r, t0, count, fresh, block.gain)
                load_parameter(lowpass, r, t0, count, fresh, block.low)
                load_parameter(highpass, r, t0, count, fresh, block.high)
                if checkpoints.shape[1] > 0 and t0 % CHUNK == 0:
                    checkpoints[r, t0 // CHUNK, 0] = state[r, 1]
                    checkpoints[r, t0 // CHUNK, 1] = state[r, 2]
                own = line[r, window[0] : window[0] + window[1]]
                _delay_block(x[0][x[1][r]], t0, count, loop, taps, block, own, v[r], state[r])
        for r in range(row, end):
            good[r] = legal
        row = end


@njit(**GIVEN)
def feedback_delay_rows(
    start, stop, x, parameters, tables, options, outputs, good, taps_room, room
):  # pragma: no cover
    """``v[n] = w(n - d[n])``, ``w[n] = x[n] + g[n] F(v[n])`` for rows ``start`` to ``stop - 1``.

    Args:
        start: first row.
        stop: one after the last.
        x: signals and the index of their rows.
        parameters: delay in samples, feedback, low-pass, high-pass.
        tables: of weights and slopes.
        options: whether the interpolator is the all-pass, whether the loop saturates, the longest delay, the denormal
            threshold.
        outputs: ``v`` (rows, T), filled; the line, an array (rows, pad + T or more) and where in it the pad + T begin
            and how many they are, with its past in the first ``pad``, filled; the
            states of all-pass, low-pass and high-pass (rows, 3), updated; and checkpoints (rows, chunks or 0, 2), which
            receive the last two at the beginning of every chunk.
        good: (rows,), set to False where a delay is out of range.
        taps_room: for taps.
        room: (4 ROOM,) zeros.
    """
    taps = taps_in(taps_room, 2 * tables[0].shape[0])
    block = Buffers(room[:BLOCK], room[ROOM : ROOM + BLOCK], room[2 * ROOM : 2 * ROOM + BLOCK], room[3 * ROOM :])
    _rows(start, stop, x, parameters, tables, options, outputs, good, taps, block)
