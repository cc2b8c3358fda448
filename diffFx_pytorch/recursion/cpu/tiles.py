"""Transposing sixteen rows into a tile and back, so that rows lie in SIMD lanes.

A transposition of (16, steps) is two perfect shuffles of four streams. Written that way the compiler turns it into
register shuffles; a plain double loop becomes scatter instructions, which cost more than the recursion itself.
"""

from __future__ import annotations

from numba import njit

from diffFx_pytorch.recursion.cpu.inner import INNER

LANES = 16
STEPS = 256
_QUARTER = LANES * STEPS // 4


@njit(**INNER)
def load_tile(tile, scratch, source, row_of, first, lanes, t0, steps):  # pragma: no cover
    """``tile[t * LANES + lane] = source[row_of[first + lane], t0 + t]`` for ``t < steps`` and ``lane < lanes``.

    Lanes beyond ``lanes`` hold some other row of the tile, so that whatever is computed on them is harmless.
    """
    last = first + lanes - 1
    if steps < STEPS:
        for lane in range(LANES):
            row = row_of[min(first + lane, last)]
            for t in range(steps):
                tile[t * LANES + lane] = source[row, t0 + t]
        return
    for g in range(4):
        a = source[row_of[min(first + g, last)], t0 : t0 + STEPS]
        b = source[row_of[min(first + 4 + g, last)], t0 : t0 + STEPS]
        c = source[row_of[min(first + 8 + g, last)], t0 : t0 + STEPS]
        d = source[row_of[min(first + 12 + g, last)], t0 : t0 + STEPS]
        part = scratch[g * _QUARTER : (g + 1) * _QUARTER]
        for i in range(STEPS):
            part[4 * i] = a[i]
            part[4 * i + 1] = b[i]
            part[4 * i + 2] = c[i]
            part[4 * i + 3] = d[i]
    for i in range(_QUARTER):
        tile[4 * i] = scratch[i]
        tile[4 * i + 1] = scratch[_QUARTER + i]
        tile[4 * i + 2] = scratch[2 * _QUARTER + i]
        tile[4 * i + 3] = scratch[3 * _QUARTER + i]


@njit(**INNER)
def store_tile(target, tile, scratch, first, lanes, t0, steps):  # pragma: no cover
    """``target[first + lane, t0 + t] = tile[t * LANES + lane]`` for ``t < steps`` and ``lane < lanes``."""
    if steps < STEPS or lanes < LANES:
        for lane in range(lanes):
            for t in range(steps):
                target[first + lane, t0 + t] = tile[t * LANES + lane]
        return
    for i in range(_QUARTER):
        scratch[i] = tile[4 * i]
        scratch[_QUARTER + i] = tile[4 * i + 1]
        scratch[2 * _QUARTER + i] = tile[4 * i + 2]
        scratch[3 * _QUARTER + i] = tile[4 * i + 3]
    for g in range(4):
        a = target[first + g, t0 : t0 + STEPS]
        b = target[first + 4 + g, t0 : t0 + STEPS]
        c = target[first + 8 + g, t0 : t0 + STEPS]
        d = target[first + 12 + g, t0 : t0 + STEPS]
        part = scratch[g * _QUARTER : (g + 1) * _QUARTER]
        for i in range(STEPS):
            a[i] = part[4 * i]
            b[i] = part[4 * i + 1]
            c[i] = part[4 * i + 2]
            d[i] = part[4 * i + 3]
