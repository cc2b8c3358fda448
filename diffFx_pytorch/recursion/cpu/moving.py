"""Cascades with moving coefficients, eight rows side by side: bound by reading the coefficients.

Rows may share their coefficients: then the lanes read the same memory, once. Sections are either biquads in transposed
direct form 2 [b0 b1 b2 a0 a1 a2] or state variable sections [g r h b l], told by their number of coefficients.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit

from .lanes import BLOCK, load_eight, store_eight
from .moving_lanes import ROWS, STEPS, direct_section, over_a0, variable_section

AHEAD = 4096
"""Bytes by which coefficients are asked for before they are needed; less than two tiles is too late."""

jit = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})


@jit
def forward(start, stop, x, coef, rows, zi, tiny, y, zf, kept):
    """Filter the groups ``start`` to ``stop - 1`` of ROWS rows.

    Args:
        start: first group.
        stop: one past the last group.
        x: (R, T) float32 or float64.
        coef: (Q, T, K, 6 or 5), or (Q, 1, K, 6 or 5) for constant ones, float32 or float64.
        rows: (R,) int64, the coefficients that each row uses.
        zi: (R, K, 2) float64.
        tiny: states below this become 0 at the end of a few samples.
        y: (R, T), receives the output.
        zf: (R, K, 2) float64, receives the last states.
        kept: (R, tiles, K, 2) float64, receives the states before each tile of BLOCK samples, or (R, 0, K, 2).
    """
    R, T = x.shape
    length, K, width = coef.shape[1:]
    per = K * width
    step = 0 if length == 1 and T > 1 else 1  # of the coefficients, from sample to sample
    tile, state = np.empty(STEPS * ROWS), np.empty(2 * K * ROWS)
    tile_coef = np.empty(STEPS * per * ROWS)
    source, source_coef, target = np.empty(ROWS, np.int64), np.empty(ROWS, np.int64), np.empty(ROWS, np.int64)
    short, short_coef = np.zeros((ROWS, STEPS), x.dtype), np.zeros((ROWS, STEPS * per), coef.dtype)
    for group in range(start, stop):
        for lane in range(ROWS):
            row = min(group * ROWS + lane, R - 1)
            for n in range(2 * K):
                state[n * ROWS + lane] = zi[row, n // 2, n % 2]
        for first in range(0, T, STEPS):
            count = min(STEPS, T - first)
            for lane in range(ROWS):  # those beyond the last row repeat it
                row = min(group * ROWS + lane, R - 1)
                source[lane] = x.ctypes.data + (row * T + first) * x.itemsize
                target[lane] = y.ctypes.data + (row * T + first) * x.itemsize
                source_coef[lane] = coef.ctypes.data + (rows[row] * length + first * step) * per * coef.itemsize
                if first % BLOCK == 0 and kept.shape[1] > 0:
                    for n in range(2 * K):
                        kept[row, first // BLOCK, n // 2, n % 2] = state[n * ROWS + lane]
                if count < STEPS:
                    for i in range(count):
                        short[lane, i] = x[row, first + i]
                    source[lane] = short[lane].ctypes.data
                    target[lane] = source[lane]
                if count < STEPS or step == 0:
                    if first == 0 or step == 1:
                        for i in range(STEPS if step == 0 else count):
                            short_coef[lane, i * per : (i + 1) * per] = coef[rows[row], (first + i) * step].reshape(-1)
                    source_coef[lane] = short_coef[lane].ctypes.data
            load_eight(source, x, tile, 0, STEPS, STEPS * x.itemsize)
            if step == 1 or first == 0:
                load_eight(source_coef, coef, tile_coef, 0, STEPS * per, AHEAD)
                if width == 6:
                    over_a0(tile_coef, count * K)
            for k in range(K):
                at, two = k * width * ROWS, k * 2 * ROWS
                if width == 6:
                    direct_section(tile, tile_coef, at, per * ROWS, state, two, count, tiny)
                else:
                    variable_section(tile, tile_coef, at, per * ROWS, state, two, count, tiny)
            store_eight(target, x, tile, 0, STEPS, STEPS * x.itemsize)
            if count < STEPS:
                for lane in range(min(ROWS, R - group * ROWS)):
                    for i in range(count):
                        y[group * ROWS + lane, first + i] = short[lane, i]
        for lane in range(min(ROWS, R - group * ROWS)):
            for n in range(2 * K):
                zf[group * ROWS + lane, n // 2, n % 2] = state[n * ROWS + lane]
