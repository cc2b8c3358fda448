"""Neighbouring points of spectra side by side: complex vectors, tiles of them, and how they are read and written.

A complex vector is a pair of vectors, its real and its imaginary parts. A tile is a flat array of complex vectors; a
matrix with ``width`` columns has its element (i, j) at number ``i * width + j``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.vector import lanes_of, load, load_pairs, spread, store, store_pairs
from diffFx_pytorch.kernels.vector_type import BYTES

PIECE = 512
"""Points that one call of a kernel computes, or fewer at the end: a multiple of every number of lanes."""

_FAST: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "fastmath": {"contract", "nsz"},  # a product and a sum may be fused
    "boundscheck": False,
    "error_model": "numpy",
}


def jit(function: Any) -> Any:
    """Compile a kernel."""
    return njit(**_FAST)(function)


def inner(function: Any) -> Any:
    """Compile a function for kernels alone: it allocates nothing, so references to slices need not be counted."""
    return njit(_nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, **_FAST)(function)


def pieces(points: int) -> int:
    """Return the number of pieces that so many points are divided into."""
    return -(-points // PIECE)


@jit
def aligned(count, like):
    """A buffer of ``like``'s type that begins on a cache line, so that no vector lies across two."""
    buffer = np.empty(count + BYTES // like.itemsize, like.dtype)
    skip = (-buffer.ctypes.data % BYTES) // buffer.itemsize
    return buffer[skip : skip + count]


@jit
def tile_of(count, like):
    """A tile for so many complex vectors."""
    return aligned(2 * lanes_of(like) * count, like)


class Window(NamedTuple):
    """The points in the lanes: from ``first`` on, ``count`` of them, and room for one complex vector."""

    first: int
    count: int
    spare: np.ndarray


@inner
def get(tile: np.ndarray, number: int) -> Any:
    """The complex vector of a number."""
    at = 2 * lanes_of(tile) * number
    return load(tile, at), load(tile, at + lanes_of(tile))


@inner
def put(tile: np.ndarray, number: int, value: Any) -> None:
    """Write the complex vector of a number."""
    at = 2 * lanes_of(tile) * number
    store(tile, at, value[0])
    store(tile, at + lanes_of(tile), value[1])


@inner
def times(a: Any, b: Any) -> Any:
    """A product of complex vectors."""
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


@inner
def plus_times_conj(c: Any, a: Any, b: Any) -> Any:
    """``c + a conj(b)``."""
    return c[0] + a[0] * b[0] + a[1] * b[1], c[1] + a[1] * b[0] - a[0] * b[1]


@inner
def load_points(row: np.ndarray, window: Window) -> Any:
    """The points of a spectrum in a window, the last repeated to fill the vectors; one point stands for all."""
    if row.size == 2:
        return spread(row, 0), spread(row, 1)
    lanes = lanes_of(row)
    if window.count == lanes:
        return load_pairs(row, 2 * window.first)
    for q in range(lanes):
        at = 2 * (window.first + min(q, window.count - 1))
        window.spare[2 * q] = row[at]
        window.spare[2 * q + 1] = row[at + 1]
    return load_pairs(window.spare, 0)


@inner
def store_points(row: np.ndarray, window: Window, value: Any) -> None:
    """Write the points of a spectrum in a window."""
    if window.count == lanes_of(row):
        store_pairs(row, 2 * window.first, value[0], value[1])
    else:
        store_pairs(window.spare, 0, value[0], value[1])
        for q in range(2 * window.count):
            row[2 * window.first + q] = window.spare[q]


@inner
def read_columns(source: np.ndarray, window: Window, tile: np.ndarray, first: int, width: int) -> None:
    """Read spectra (N, K, 2 M), or (N, K, 2) for all points, in a window into the columns of a tile from ``first`` on.

    The loop stands three times because LLVM takes no condition out of a loop of a function it has inlined this deep.
    """
    N, K = source.shape[0], source.shape[1]
    if source.shape[2] == 2:
        for i in range(N):
            for k in range(K):
                put(tile, i * width + first + k, (spread(source[i, k], 0), spread(source[i, k], 1)))
    elif window.count == lanes_of(tile):
        for i in range(N):
            for k in range(K):
                put(tile, i * width + first + k, load_pairs(source[i, k], 2 * window.first))
    else:
        for i in range(N):
            for k in range(K):
                put(tile, i * width + first + k, load_points(source[i, k], window))


@inner
def write_columns(tile: np.ndarray, first: int, width: int, target: np.ndarray, window: Window) -> None:
    """Write columns of a tile where ``read_columns`` reads them."""
    N, K = target.shape[0], target.shape[1]
    if window.count == lanes_of(tile):
        for i in range(N):
            for k in range(K):
                re, im = get(tile, i * width + first + k)
                store_pairs(target[i, k], 2 * window.first, re, im)
    else:
        for i in range(N):
            for k in range(K):
                store_points(target[i, k], window, get(tile, i * width + first + k))
