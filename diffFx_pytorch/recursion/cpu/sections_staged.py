"""Constant biquad cascades of few rows: both halves of the vector lanes at work where rows alone fill one.

Forwards the cascade is cut in two stages: the upper lanes run its second half over the tile that the lower lanes, in
the step before, ran its first half over. Backwards the states before every tile are known, so that the signals between
the sections are computed again for two tiles of time side by side. Each number is computed from the same numbers in
the same order as by ``sections``, whole tiles only; what is left over is for ``sections``.
"""

from __future__ import annotations

import numpy as np

from .biquad_tile import BLOCK, LANES, cascade_tile, cascade_tile_adjoint
from .row_tiles import distance, read_tile, write_tile
from .sections import _put_states, _take_states, jit

HALF = LANES // 2
"""Rows that run side by side."""


@jit
def _hand_over(tile, fresh):
    """The lower lanes' output becomes the upper lanes' input, and ``fresh`` that of the lower."""
    for t in range(BLOCK):
        for lane in range(HALF):
            tile[t * LANES + HALF + lane] = tile[t * LANES + lane]
        for lane in range(HALF):
            tile[t * LANES + lane] = fresh[t * HALF + lane]


@jit
def forward(start, stop, x, coef, rows, zi, unit, denormal_threshold, y, zf, checkpoints):
    """Filter the groups ``start`` to ``stop - 1`` of HALF rows, up to their last whole tile.

    Args:
        start: first group.
        stop: one past the last group.
        x: (R, T) float32 or float64.
        coef: (Q, K, 5) float64, b0 b1 b2 a1 a2 with a0 = 1; K >= 2.
        rows: (R,) int64, the coefficients that each row uses.
        zi: (R, 2K) float64.
        unit: b0 is 1 in all sections but the first.
        denormal_threshold: states below this become 0.
        y: (R, T), receives the output.
        zf: (R, 2K) float64, receives the states after the last whole tile.
        checkpoints: (R, tiles, 2K) float64, receives the states before each whole tile, or (R, 0, 2K).
    """
    R, T = x.shape
    K = coef.shape[1]
    first_half = (K + 1) // 2
    cut = 2 * first_half
    tiles = T // BLOCK
    keep = checkpoints.shape[1] > 0
    tile = np.empty(BLOCK * LANES)
    fresh = np.empty(BLOCK * HALF)
    state = np.empty(cut * LANES)
    tile_coef = np.empty(5 * first_half * LANES)
    source = np.empty(HALF, np.int64)
    target = np.empty(LANES, np.int64)
    silence, unwanted = np.zeros(BLOCK, x.dtype), np.empty(BLOCK, x.dtype)
    for group in range(start, stop):
        # Asked for in the loop, so that Numba keeps both arrays to its end.
        silent, nowhere = distance(x, silence), distance(y, unwanted)
        count = min(HALF, R - group * HALF)
        for lane in range(LANES):
            row = rows[group * HALF + min(lane % HALF, count - 1)]
            for k in range(first_half):
                section = k + lane // HALF * first_half
                for i in range(5):
                    # An odd cascade is filled up with a section that does nothing.
                    nothing = 1.0 if i == 0 else 0.0
                    tile_coef[(k * 5 + i) * LANES + lane] = coef[row, section, i] if section < K else nothing
        tile[:] = 0.0
        state[:] = 0.0
        for lane in range(LANES):
            target[lane] = nowhere
        for step in range(tiles + 1):
            for lane in range(HALF):
                row = group * HALF + lane
                source[lane] = silent
                if lane >= count:
                    continue
                if step == 0:
                    _take_states(zi[row, :cut], state, np.uintp(lane))
                if step == 1:
                    _take_states(zi[row, cut:], state, np.uintp(HALF + lane))
                if step < tiles:
                    source[lane] = row * T + step * BLOCK
                    if keep:
                        _put_states(state, np.uintp(lane), checkpoints[row, step, :cut])
                else:
                    _put_states(state, np.uintp(lane), zf[row, :cut])
                if step > 0:
                    target[HALF + lane] = row * T + (step - 1) * BLOCK
                    if keep:
                        _put_states(state, np.uintp(HALF + lane), checkpoints[row, step - 1, cut:])
            read_tile(x, source, BLOCK, fresh, HALF, BLOCK)
            _hand_over(tile, fresh)
            cascade_tile(tile, 0, tile_coef, state, unit, denormal_threshold)
            write_tile(y, target, BLOCK, tile, LANES, BLOCK)
        for lane in range(count):
            _put_states(state, np.uintp(HALF + lane), zf[group * HALF + lane, cut:])


@jit
def backward(start, stop, gy, gzf, x, coef, rows, unit, denormal_threshold, checkpoints, gx, gcoef, gzi):
    """The adjoint of ``forward`` over the same groups, from the last whole tile to the first.

    Args:
        start: first group.
        stop: one past the last group.
        gy: (R, T), gradient of the output.
        gzf: (R, 2K) float64, gradient of the states after the last whole tile.
        x: (R, T), as given to ``forward``.
        coef: (Q, K, 5) float64.
        rows: (R,) int64.
        unit: as in ``forward``.
        denormal_threshold: adjoint states below this become 0.
        checkpoints: (R, tiles, 2K) from ``forward``.
        gx: (R, T), receives the gradient of x.
        gcoef: (R, 5K) float64, receives the gradient of each row's coefficients.
        gzi: (R, 2K) float64, receives the gradient of zi.
    """
    R, T = x.shape
    K = coef.shape[1]
    tiles = T // BLOCK
    area = BLOCK * LANES
    signals = np.empty((K + 1) * area)
    tile = np.empty(area)
    before = np.empty(2 * K * LANES)
    state = np.empty(2 * K * LANES)
    gradient = np.empty(5 * K * LANES)
    tile_coef = np.empty(5 * K * LANES)
    source = np.empty(LANES, np.int64)
    cotangent = np.empty(LANES, np.int64)
    target = np.empty(LANES, np.int64)
    silence, unwanted = np.zeros(BLOCK, x.dtype), np.empty(BLOCK, x.dtype)
    for group in range(start, stop):
        # Asked for in the loop, so that Numba keeps both arrays to its end.
        silent, no_gradient, nowhere = distance(x, silence), distance(gy, silence), distance(gx, unwanted)
        count = min(HALF, R - group * HALF)
        for lane in range(LANES):
            row = rows[group * HALF + min(lane % HALF, count - 1)]
            for k in range(K):
                for i in range(5):
                    tile_coef[(k * 5 + i) * LANES + lane] = coef[row, k, i]
        state[:] = 0.0
        gradient[:] = 0.0
        for lane in range(count):
            _take_states(gzf[group * HALF + lane], state, np.uintp((tiles - 1) % 2 * HALF + lane))
        for pair in range((tiles + 1) // 2 - 1, -1, -1):
            before[:] = 0.0
            for lane in range(LANES):
                row, block = group * HALF + lane % HALF, 2 * pair + lane // HALF
                source[lane] = silent
                if lane % HALF < count and block < tiles:
                    source[lane] = row * T + block * BLOCK
                    _take_states(checkpoints[row, block], before, np.uintp(lane))
            read_tile(x, source, BLOCK, signals, LANES, -2 * BLOCK)
            cascade_tile(signals, area, tile_coef, before, unit, denormal_threshold)
            for half in range(1, -1, -1):
                block = 2 * pair + half
                if block >= tiles:
                    continue
                # The lanes of the other tile have no cotangent and no state: they add nothing.
                for lane in range(LANES):
                    cotangent[lane], target[lane] = no_gradient, nowhere
                    if lane // HALF == half and lane % HALF < count:
                        cotangent[lane] = target[lane] = (group * HALF + lane % HALF) * T + block * BLOCK
                read_tile(gy, cotangent, BLOCK, tile, LANES, -BLOCK)
                cascade_tile_adjoint(tile, signals, tile_coef, state, gradient, unit, denormal_threshold)
                write_tile(gx, target, BLOCK, tile, LANES, -BLOCK)
                for n in range(2 * K):
                    for lane in range(HALF):
                        here, there = n * LANES + half * HALF + lane, n * LANES + (1 - half) * HALF + lane
                        state[there], state[here] = state[here], 0.0
        # The last tile was in the lower lanes.
        for lane in range(count):
            row = group * HALF + lane
            _put_states(state, np.uintp(HALF + lane), gzi[row])
            for n in range(5 * K):
                gcoef[row, n] = gradient[n * LANES + lane] + gradient[n * LANES + HALF + lane]
