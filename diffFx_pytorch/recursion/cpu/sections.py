"""Constant biquad cascades: segments of rows side by side in vector lanes, tile by tile, all sections per tile.

A row is cut into segments of equal length, one a lane. A segment's first state is known either by running the cascade
over the samples before it, as many as the filters remember, or, where they remember more than a segment, by running
over the whole segment before it from silence and adding ``transition @ state``, the response to that segment's own
first state.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit

from .biquad_tile import BLOCK, LANES, biquad_adjoint_only, cascade_tile, cascade_tile_adjoint
from .row_tiles import distance, prefetch_run, read_tile, write_tile

jit = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"}, compact=True)


@jit
def _fill(group, lanes, segments, rows, coef, tile_coef):
    """Lay the coefficients of the group's rows out as ``[section][coefficient][lane]``."""
    K = coef.shape[1]
    for lane in range(LANES):
        number = min(group * LANES + lane, lanes - 1)
        row = rows[number // segments]
        for k in range(K):
            for i in range(5):
                tile_coef[(k * 5 + i) * LANES + lane] = coef[row, k, i]


@jit
def _put_states(state, lane, states):
    """``states[n] = state[n, lane]``; unsigned indices, since wrapping ones cost more than the copies."""
    for n in range(np.uintp(states.size)):
        states[n] = state[n * np.uintp(LANES) + lane]


@jit
def _take_states(states, state, lane):
    for n in range(np.uintp(states.size)):
        state[n * np.uintp(LANES) + lane] = states[n]


@jit
def _carry(group, lanes, segments, rows, transition, state, step):
    """Add the response to the neighbouring segment's state, for the segments of each row in their order."""
    N = transition.shape[1]
    for i in range(LANES):
        lane = i if step > 0 else LANES - 1 - i
        number = group * LANES + lane
        segment, other = number % segments, number % segments - step
        # Going backwards the state before the last segment is exact already: it started from the end of the signal.
        exact = segment == 0 if step > 0 else segment >= segments - 2
        if number >= lanes or exact or other < 0 or other >= segments:
            continue
        row = rows[number // segments]
        for n in range(N):
            total = state[n * LANES + lane]
            for m in range(N):
                weight = transition[row, n, m] if step > 0 else transition[row, m, n]
                total += weight * state[m * LANES + lane - step]
            state[n * LANES + lane] = total


@jit
def forward(start, stop, x, coef, rows, zi, unit, cut, denormal_threshold, y, zf, checkpoints, broken):
    """Filter the groups ``start`` to ``stop - 1`` of LANES segments.

    Args:
        start: first group.
        stop: one past the last group.
        x: (R, T) float32 or float64.
        coef: (Q, K, 5) float64, b0 b1 b2 a1 a2 with a0 = 1.
        rows: (R,) int64, the coefficients that each row uses.
        zi: (R, 2K) float64.
        unit: b0 is 1 in all sections but the first.
        cut: how rows are cut into segments.
        denormal_threshold: states below this become 0.
        y: (R, T), receives the output.
        zf: (R, 2K) float64, receives the last states.
        checkpoints: (R, tiles, 2K) float64, receives the states before each tile, or (R, 0, 2K).
        broken: (R * segments,) bool, receives whether a segment ends in inf or NaN, which those after it must feel.
    """
    R, T = x.shape
    K = coef.shape[1]
    segments, length, warmup, transition = cut
    lanes = R * segments
    keep = checkpoints.shape[1] > 0
    tile = np.empty(BLOCK * LANES)
    state = np.empty(2 * K * LANES)
    tile_coef = np.empty(5 * K * LANES)
    source = np.empty(LANES, np.int64)
    target = np.empty(LANES, np.int64)
    silence, unwanted = np.zeros(BLOCK, x.dtype), np.empty(BLOCK, x.dtype)
    for group in range(start, stop):
        # Asked for in the loop, so that Numba keeps both arrays to its end.
        silent, nowhere = distance(x, silence), distance(y, unwanted)
        _fill(group, lanes, segments, rows, coef, tile_coef)
        state[:] = 0.0
        for block in range(-warmup, length // BLOCK):
            if block == 0:
                for lane in range(LANES):
                    number = group * LANES + lane
                    if number < lanes and number % segments == 0:
                        _take_states(zi[number // segments], state, np.uintp(lane))
                if transition.shape[0] > 0:
                    _carry(group, lanes, segments, rows, transition, state, 1)
            for lane in range(LANES):
                number = group * LANES + lane
                row, first = number // segments, (number % segments) * length + block * BLOCK
                source[lane], target[lane] = silent, nowhere
                if number >= lanes or first < 0 or first >= T:
                    continue
                if keep and block >= 0:
                    prefetch_run(checkpoints, (row * checkpoints.shape[1] + first // BLOCK + 1) * 2 * K, 2 * K)
                    _put_states(state, np.uintp(lane), checkpoints[row, first // BLOCK])
                if first + BLOCK <= T:
                    source[lane] = row * T + first
                    if block >= 0:
                        target[lane] = row * T + first
                else:
                    _tail_forward(x, y, row, first, tile_coef, state, lane, zf)
            read_tile(x, source, BLOCK, tile, LANES, BLOCK)
            cascade_tile(tile, 0, tile_coef, state, unit, denormal_threshold)
            write_tile(y, target, BLOCK, tile, LANES, BLOCK)
            for lane in range(LANES):
                number = group * LANES + lane
                if number < lanes and (number % segments) * length + (block + 1) * BLOCK == T:
                    _put_states(state, np.uintp(lane), zf[number // segments])
        _check(group, lanes, K, state, broken)


@jit
def _check(group, lanes, K, state, broken):
    for lane in range(min(LANES, lanes - group * LANES)):
        broken[group * LANES + lane] = False
        for n in range(2 * K):
            if not np.isfinite(state[n * LANES + lane]):
                broken[group * LANES + lane] = True


@jit
def _tail_forward(x, y, row, first, coef, state, lane, zf):
    """The samples after the last whole tile of a row, one by one."""
    K = coef.size // (5 * LANES)
    signal = np.empty(x.shape[1] - first)
    for i in range(signal.size):
        signal[i] = x[row, first + i]
    for k in range(K):
        b0, b1, b2, a1, a2 = _five(coef, k, lane)
        s1, s2 = state[2 * k * LANES + lane], state[(2 * k + 1) * LANES + lane]
        for i in range(signal.size):
            u = signal[i]
            v = b0 * u + s1
            s1 = b1 * u - a1 * v + s2
            s2 = b2 * u - a2 * v
            signal[i] = v
        zf[row, 2 * k], zf[row, 2 * k + 1] = s1, s2
    for i in range(signal.size):
        y[row, first + i] = signal[i]


@jit
def _five(coef, k, lane):
    at = 5 * k * LANES + lane
    return coef[at], coef[at + LANES], coef[at + 2 * LANES], coef[at + 3 * LANES], coef[at + 4 * LANES]


@jit
def backward(start, stop, gy, gzf, x, coef, rows, unit, cut, denormal_threshold, checkpoints, gx, gcoef, gzi, broken):
    """The adjoint of ``forward`` over the same groups, from the last tile to the first.

    The signals between the sections are computed again, for one tile at a time, from the checkpoints.

    Args:
        start: first group.
        stop: one past the last group.
        gy: (R, T), gradient of the output.
        gzf: (R, 2K) float64, gradient of the last states.
        x: (R, T), as given to ``forward``.
        coef: (Q, K, 5) float64.
        rows: (R,) int64.
        unit: as in ``forward``.
        cut: how rows are cut into segments.
        denormal_threshold: adjoint states below this become 0.
        checkpoints: (R, tiles, 2K) from ``forward``, or (R, 0, 2K) when ``gcoef`` is not wanted.
        gx: (R, T), receives the gradient of x.
        gcoef: (R * segments, 5K) float64, receives the gradient by segment, or (0, 5K).
        gzi: (R, 2K) float64, receives the gradient of zi.
        broken: (R * segments,) bool, receives whether a segment's adjoint ends in inf or NaN.
    """
    R, T = x.shape
    K = coef.shape[1]
    segments, length, warmup, transition = cut
    lanes = R * segments
    needs_grad = gcoef.shape[0] > 0
    area = BLOCK * LANES
    signals = np.empty((K + 1) * area if needs_grad else 1)
    tile = np.empty(area)
    before = np.empty(2 * K * LANES)
    state = np.empty(2 * K * LANES)
    tail = np.empty(2 * K * LANES)
    held = np.zeros(LANES, np.bool_)
    gradient = np.empty(5 * K * LANES)
    tile_coef = np.empty(5 * K * LANES)
    source = np.empty(LANES, np.int64)
    cotangent = np.empty(LANES, np.int64)
    target = np.empty(LANES, np.int64)
    silence, unwanted = np.zeros(BLOCK, x.dtype), np.empty(BLOCK, x.dtype)
    for group in range(start, stop):
        # Asked for in the loop, so that Numba keeps both arrays to its end.
        silent, no_gradient, nowhere = distance(x, silence), distance(gy, silence), distance(gx, unwanted)
        _fill(group, lanes, segments, rows, coef, tile_coef)
        state[:] = 0.0
        gradient[:] = 0.0
        for block in range(length // BLOCK + warmup - 1, -1, -1):
            if block == length // BLOCK - 1 and transition.shape[0] > 0:
                _carry(group, lanes, segments, rows, transition, state, -1)
            own = block < length // BLOCK
            held[:] = False
            before[:] = 0.0
            for lane in range(LANES):
                number = group * LANES + lane
                row, first = number // segments, (number % segments) * length + block * BLOCK
                source[lane], cotangent[lane], target[lane] = silent, no_gradient, nowhere
                if number >= lanes or first >= T:
                    continue
                if first + BLOCK >= T:
                    _take_states(gzf[row], state, np.uintp(lane))
                if first + BLOCK > T:
                    _tail_adjoint(gy, x, row, first, tile_coef, lane, checkpoints, state, own, gradient, gx)
                    held[lane] = True
                    for n in range(2 * K):
                        tail[n * LANES + lane], state[n * LANES + lane] = state[n * LANES + lane], 0.0
                    continue
                cotangent[lane] = row * T + first
                if own:
                    target[lane] = row * T + first
                if own and needs_grad:
                    source[lane] = row * T + first
                    prefetch_run(checkpoints, (row * checkpoints.shape[1] + first // BLOCK - 1) * 2 * K, 2 * K)
                    _take_states(checkpoints[row, first // BLOCK], before, np.uintp(lane))
            read_tile(gy, cotangent, BLOCK, tile, LANES, -BLOCK)
            if own and needs_grad:
                read_tile(x, source, BLOCK, signals, LANES, -BLOCK)
                cascade_tile(signals, BLOCK * LANES, tile_coef, before, unit, denormal_threshold)
                cascade_tile_adjoint(tile, signals, tile_coef, state, gradient, unit, denormal_threshold)
            else:
                for k in range(K - 1, -1, -1):
                    biquad_adjoint_only(tile, tile_coef[k * 5 * LANES :], state[k * 2 * LANES :], denormal_threshold)
            write_tile(gx, target, BLOCK, tile, LANES, -BLOCK)
            for lane in range(LANES):
                if held[lane]:
                    for n in range(2 * K):
                        state[n * LANES + lane] = tail[n * LANES + lane]
        _check(group, lanes, K, state, broken)
        for lane in range(LANES):
            number = group * LANES + lane
            if number >= lanes:
                continue
            if number % segments == 0:
                _put_states(state, np.uintp(lane), gzi[number // segments])
            if needs_grad:
                _put_states(gradient, np.uintp(lane), gcoef[number])


@jit
def _tail_adjoint(gy, x, row, first, coef, lane, checkpoints, state, own, gradient, gx):
    """The adjoint of the samples after the last whole tile of a row, one by one."""
    K = coef.size // (5 * LANES)
    count = x.shape[1] - first
    needs_grad = own and checkpoints.shape[1] > 0
    signals = np.empty((K + 1, count))
    if needs_grad:
        for i in range(count):
            signals[0, i] = x[row, first + i]
        for k in range(K):
            b0, b1, b2, a1, a2 = _five(coef, k, lane)
            s1, s2 = checkpoints[row, first // BLOCK, 2 * k], checkpoints[row, first // BLOCK, 2 * k + 1]
            for i in range(count):
                u = signals[k, i]
                v = b0 * u + s1
                s1 = b1 * u - a1 * v + s2
                s2 = b2 * u - a2 * v
                signals[k + 1, i] = v
    signal = np.empty(count)
    for i in range(count):
        signal[i] = gy[row, first + i]
    for k in range(K - 1, -1, -1):
        b0, b1, b2, a1, a2 = _five(coef, k, lane)
        w1, w2 = state[2 * k * LANES + lane], state[(2 * k + 1) * LANES + lane]
        at = 5 * k * LANES + lane
        for i in range(count - 1, -1, -1):
            w = signal[i] - a2 * w2 - a1 * w1
            signal[i] = b0 * w + b1 * w1 + b2 * w2
            if needs_grad:
                u, v = signals[k, i], signals[k + 1, i]
                gradient[at] += w * u
                gradient[at + LANES] += w1 * u
                gradient[at + 2 * LANES] += w2 * u
                gradient[at + 3 * LANES] -= w1 * v
                gradient[at + 4 * LANES] -= w2 * v
            w1, w2 = w, w1
        state[2 * k * LANES + lane], state[(2 * k + 1) * LANES + lane] = w1, w2
    if own:
        for i in range(count):
            gx[row, first + i] = signal[i]
