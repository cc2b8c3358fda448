"""Rows side by side: a tile holds a stretch of eight or sixteen rows, ``tile[t * lanes + lane]``, one row per lane.

The samples of eight rows are transposed in registers, eight at a time. A plain double loop becomes scatter
instructions, which cost more than the recursions that run over the tile.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import (
    SIDE,
    load_rows,
    load_steps,
    prefetch,
    prefetch_to_write,
    store_rows,
    store_steps,
    transpose,
)


@njit(**INNER)
def read_tile(source, places, count, tile, lanes, ahead):  # pragma: no cover
    """``tile[t * lanes + lane] = source[places[lane] + t]`` for ``t < count``, in the type of ``tile``.

    Args:
        source: flat or (rows, samples).
        places: (lanes,) int64; `distance` leads to another array.
        count: samples; quickest where a multiple of eight.
        tile: flat.
        lanes: a multiple of eight.
        ahead: the samples so far ahead are prefetched: so many short runs are too many for the machine to foresee.
    """
    whole = count // SIDE * SIDE
    for first in range(0, lanes, SIDE):
        for t in range(0, whole, SIDE):
            for lane in range(first, first + SIDE):
                prefetch(source, places[lane] + t + ahead)
            store_steps(tile, t * lanes + first, lanes, transpose(load_rows(source, places, first, t)))
    if whole < count:
        values = source.reshape(-1)
        for t in range(whole, count):
            for lane in range(lanes):
                # Unsigned: another array may lie before this one, and negative indices count from the end.
                tile[t * lanes + lane] = values[np.uintp(places[lane] + t)]


@njit(**INNER)
def write_tile(target, places, count, tile, lanes, ahead):  # pragma: no cover
    """The way back of `read_tile`; lanes that are not wanted are given a place in some other array."""
    whole = count // SIDE * SIDE
    for first in range(0, lanes, SIDE):
        for t in range(0, whole, SIDE):
            for lane in range(first, first + SIDE):
                prefetch_to_write(target, places[lane] + t + ahead)
            store_rows(target, places, first, t, transpose(load_steps(tile, t * lanes + first, lanes, target)))
    if whole < count:
        values = target.reshape(-1)
        for t in range(whole, count):
            for lane in range(lanes):
                values[np.uintp(places[lane] + t)] = tile[t * lanes + lane]


@njit(nogil=True, cache=True)
def distance(source, other):  # pragma: no cover
    """Where the first element of ``other`` stands, counted in elements from the first of ``source``."""
    return (other.ctypes.data - source.ctypes.data) // source.itemsize


@njit(**INNER)
def prefetch_run(array, first, count):  # pragma: no cover
    """Ask for the cache lines of ``count`` elements from flat index ``first``, which need not exist."""
    line = 64 // array.itemsize
    for at in range(first, first + count, line):
        prefetch(array, at)
