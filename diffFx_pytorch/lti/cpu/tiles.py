"""Small complex systems at neighbouring points, side by side: how a tile of them is read, eliminated and written.

A tile is a flat array that holds a matrix of complex vectors, real parts before imaginary ones: entry (i, j) of a
matrix with ``width`` columns begins at ``2 * lanes * (i * width + j)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffFx_pytorch.kernels import njit

from .vectors import (
    BYTES,
    any_below,
    constant,
    lanes_of,
    larger,
    load,
    load_pairs,
    magnitude,
    spread,
    store,
    store_pairs,
)

PIECE = 512
"""Points that one call of a kernel handles at least: a multiple of every number of lanes."""

PIVOT = 0.1
"""Rows are exchanged where the pivot is smaller than this times the largest entry below it.

A diagonal that leads, as that of most closed loops does, is so left alone; multipliers stay below ten.
"""


_FAST: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "fastmath": {"contract", "nsz"},  # a product and a sum may be fused
    "boundscheck": False,
    "error_model": "numpy",
}


def jit(function: Any) -> Any:
    """Numba for kernels."""
    return njit(**_FAST)(function)


def inner(function: Any) -> Any:
    """Numba for what only kernels call: it allocates nothing, so references to slices need not be counted."""
    return njit(_nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, **_FAST)(function)


def pieces(points: int) -> int:
    """Pieces that so many points are handled in."""
    return -(-points // PIECE)


@jit
def aligned(count: int, like: np.ndarray) -> np.ndarray:
    """A buffer of ``like``'s type that begins on a cache line, so that no vector lies across two."""
    buffer = np.empty(count + BYTES // like.itemsize, like.dtype)
    skip = (-buffer.ctypes.data % BYTES) // buffer.itemsize
    return buffer[skip : skip + count]


@inner
def load_points(row: np.ndarray, m: int, count: int, spare: np.ndarray) -> Any:
    """Points m .. m + count - 1 of a spectrum, the last repeated to fill the vectors; one point stands for all."""
    if row.size == 2:
        return spread(row, 0), spread(row, 1)
    lanes = lanes_of(row)
    if count == lanes:
        return load_pairs(row, 2 * m)
    for q in range(lanes):
        at = 2 * (m + min(q, count - 1))
        spare[2 * q] = row[at]
        spare[2 * q + 1] = row[at + 1]
    return load_pairs(spare, 0)


@inner
def store_points(row: np.ndarray, m: int, count: int, real: Any, imag: Any, spare: np.ndarray) -> None:
    """Write points m .. m + count - 1 of a spectrum."""
    if count == lanes_of(row):
        store_pairs(row, 2 * m, real, imag)
    else:
        store_pairs(spare, 0, real, imag)
        for q in range(2 * count):
            row[2 * m + q] = spare[q]


@inner
def read_columns(
    source: np.ndarray, m: int, count: int, spare: np.ndarray, tile: np.ndarray, first: int, width: int
) -> None:
    """Spectra (N, K, 2 M) at these points into the columns of a tile from ``first`` on."""
    lanes = lanes_of(spare)
    for i in range(source.shape[0]):
        for k in range(source.shape[1]):
            re, im = load_points(source[i, k], m, count, spare)
            at = 2 * lanes * (i * width + first + k)
            store(tile, at, re)
            store(tile, at + lanes, im)


@inner
def write_columns(
    tile: np.ndarray, first: int, width: int, target: np.ndarray, m: int, count: int, spare: np.ndarray
) -> None:
    """The way back of ``read_columns``."""
    lanes = lanes_of(spare)
    for i in range(target.shape[0]):
        for k in range(target.shape[1]):
            at = 2 * lanes * (i * width + first + k)
            store_points(target[i, k], m, count, load(tile, at), load(tile, at + lanes), spare)


@inner
def eliminate(tile: np.ndarray, N: int, width: int) -> None:
    """Solve N equations in place: columns 0 .. N - 1 are the matrix, the others right-hand sides, then solutions."""
    lanes = lanes_of(tile)
    step = 2 * lanes
    one, threshold = constant(tile, 1.0), constant(tile, PIVOT)
    for k in range(N):
        diagonal = step * (k * width + k)
        if k + 1 < N:
            most = constant(tile, 0.0)
            for i in range(k + 1, N):
                at = step * (i * width + k)
                most = larger(most, magnitude(load(tile, at), load(tile, at + lanes)))
            if any_below(magnitude(load(tile, diagonal), load(tile, diagonal + lanes)), threshold * most):
                _exchange(tile, N, width, k)
        # 1 / p with p scaled to about 1 first: its square neither overflows nor vanishes.
        p_re, p_im = load(tile, diagonal), load(tile, diagonal + lanes)
        scale = one / magnitude(p_re, p_im)
        p_re, p_im = p_re * scale, p_im * scale
        scale = scale / (p_re * p_re + p_im * p_im)
        p_re, p_im = p_re * scale, -(p_im * scale)
        for at in range(step * (k * width + k + 1), step * (k * width + width), step):
            re, im = load(tile, at), load(tile, at + lanes)
            store(tile, at, re * p_re - im * p_im)
            store(tile, at + lanes, re * p_im + im * p_re)
        for i in range(k + 1, N):
            _subtract(tile, step * (i * width + k), diagonal, width - k - 1)
    for k in range(N - 1, 0, -1):
        for i in range(k):
            at = step * (i * width + k)
            f_re, f_im = load(tile, at), load(tile, at + lanes)
            for offset in range(step * (N - k), step * (width - k), step):
                source, to = step * k * (width + 1) + offset, at + offset
                re, im = load(tile, source), load(tile, source + lanes)
                store(tile, to, load(tile, to) - f_re * re + f_im * im)
                store(tile, to + lanes, load(tile, to + lanes) - f_re * im - f_im * re)


@inner
def _subtract(tile: np.ndarray, to: int, source: int, count: int) -> None:
    """Of ``count`` entries after those at ``to`` and ``source``, ``to`` less its first times ``source``."""
    lanes = lanes_of(tile)
    f_re, f_im = load(tile, to), load(tile, to + lanes)
    for offset in range(2 * lanes, 2 * lanes * (count + 1), 2 * lanes):
        re, im = load(tile, source + offset), load(tile, source + offset + lanes)
        store(tile, to + offset, load(tile, to + offset) - f_re * re + f_im * im)
        store(tile, to + offset + lanes, load(tile, to + offset + lanes) - f_re * im - f_im * re)


@inner
def _exchange(tile: np.ndarray, N: int, width: int, k: int) -> None:
    """Bring the largest entry of column k to the diagonal, in the lanes where that is too small."""
    lanes = lanes_of(tile)
    for q in range(lanes):
        best, most = k, tile.dtype.type(0)
        for i in range(k, N):
            at = 2 * lanes * (i * width + k) + q
            size = abs(tile[at]) + abs(tile[at + lanes])
            if i == k:
                most = size / tile.dtype.type(PIVOT)
            elif size > most:
                best, most = i, size
        if best != k:
            for j in range(k, width):
                here, there = 2 * lanes * (k * width + j) + q, 2 * lanes * (best * width + j) + q
                for part in (0, lanes):
                    tile[here + part], tile[there + part] = tile[there + part], tile[here + part]
