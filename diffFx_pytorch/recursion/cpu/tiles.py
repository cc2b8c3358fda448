"""Transposing sixteen rows, or eight, into a tile and back, so that rows lie in SIMD lanes.

A transposition of (16, steps) is two perfect shuffles of four streams, one of (8, steps) a shuffle of four and one of
two. Written that way the compiler turns it into register shuffles; a plain double loop becomes scatter instructions,
which cost more than the recursion itself.

The number of lanes is the length of a tuple, which is part of its type: kernels are compiled for it as for a constant.
"""

from __future__ import annotations

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.recursion.cpu.inner import INNER

WIDE = (0,) * 16
"""Sixteen rows: two vectors of float64, the latency of one hidden behind the other."""
NARROW = (0,) * 8
"""Eight rows: dearer a row, but twice as many pieces of work for threads to share."""
STEPS = 256
_PART = 4 * STEPS


@njit(**INNER)
def load_tile(width, tile, scratch, source, row_of, first, lanes, t0, steps):  # pragma: no cover
    """``tile[t * LANES + lane] = source[row_of[first + lane], t0 + t]`` for ``t < steps`` and ``lane < lanes``.

    LANES is the length of ``width``. Lanes beyond ``lanes`` hold some other row of the tile, so that whatever is
    computed on them is harmless.
    """
    LANES = len(width)
    groups = LANES // 4
    last = first + lanes - 1
    if steps < STEPS:
        for lane in range(LANES):
            row = row_of[min(first + lane, last)]
            for t in range(steps):
                tile[t * LANES + lane] = source[row, t0 + t]
        return
    for g in range(groups):
        a = source[row_of[min(first + g, last)], t0 : t0 + STEPS]
        b = source[row_of[min(first + groups + g, last)], t0 : t0 + STEPS]
        c = source[row_of[min(first + 2 * groups + g, last)], t0 : t0 + STEPS]
        d = source[row_of[min(first + 3 * groups + g, last)], t0 : t0 + STEPS]
        part = scratch[g * _PART : (g + 1) * _PART]
        for i in range(STEPS):
            part[4 * i] = a[i]
            part[4 * i + 1] = b[i]
            part[4 * i + 2] = c[i]
            part[4 * i + 3] = d[i]
    if groups == 2:
        for i in range(_PART):
            tile[2 * i] = scratch[i]
            tile[2 * i + 1] = scratch[_PART + i]
        return
    for i in range(_PART):
        tile[4 * i] = scratch[i]
        tile[4 * i + 1] = scratch[_PART + i]
        tile[4 * i + 2] = scratch[2 * _PART + i]
        tile[4 * i + 3] = scratch[3 * _PART + i]


@njit(**INNER)
def store_tile(width, target, tile, scratch, first, lanes, t0, steps):  # pragma: no cover
    """``target[first + lane, t0 + t] = tile[t * LANES + lane]`` for ``t < steps`` and ``lane < lanes``."""
    LANES = len(width)
    groups = LANES // 4
    if steps < STEPS or lanes < LANES:
        for lane in range(lanes):
            for t in range(steps):
                target[first + lane, t0 + t] = tile[t * LANES + lane]
        return
    if groups == 2:
        for i in range(_PART):
            scratch[i] = tile[2 * i]
            scratch[_PART + i] = tile[2 * i + 1]
    else:
        for i in range(_PART):
            scratch[i] = tile[4 * i]
            scratch[_PART + i] = tile[4 * i + 1]
            scratch[2 * _PART + i] = tile[4 * i + 2]
            scratch[3 * _PART + i] = tile[4 * i + 3]
    for g in range(groups):
        a = target[first + g, t0 : t0 + STEPS]
        b = target[first + groups + g, t0 : t0 + STEPS]
        c = target[first + 2 * groups + g, t0 : t0 + STEPS]
        d = target[first + 3 * groups + g, t0 : t0 + STEPS]
        part = scratch[g * _PART : (g + 1) * _PART]
        for i in range(STEPS):
            a[i] = part[4 * i]
            b[i] = part[4 * i + 1]
            c[i] = part[4 * i + 2]
            d[i] = part[4 * i + 3]
