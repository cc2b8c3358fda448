"""Gaussian elimination of small complex systems, one in each lane."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffFx_pytorch.kernels.vector import any_of, constant, lanes_of, larger

from .spectra import get, inner, put, times

PIVOT = 0.1
"""Rows are exchanged where the pivot is smaller than this times the largest element below it.

So a dominant diagonal, which most closed loops have, is left alone; multipliers stay below ten.
"""


@inner
def eliminate(tile: np.ndarray, N: int, width: int) -> None:
    """Solve N equations in place: columns 0 .. N - 1 are the matrix, the others right-hand sides, then solutions."""
    for k in range(N):
        pivot = k * width + k
        if k + 1 < N:
            most = constant(tile, 0.0)
            for i in range(k + 1, N):
                most = larger(most, _size(get(tile, i * width + k)))
            if any_of(_size(get(tile, pivot)) < PIVOT * most):
                _exchange(tile, N, width, k)
        inverse = _reciprocal(get(tile, pivot))
        for j in range(1, width - k):
            put(tile, pivot + j, times(get(tile, pivot + j), inverse))
        for i in range(k + 1, N):
            factor = get(tile, i * width + k)
            for j in range(1, width - k):
                put(tile, i * width + k + j, _less(get(tile, i * width + k + j), factor, get(tile, pivot + j)))
    for k in range(N - 1, 0, -1):
        for i in range(k):
            factor = get(tile, i * width + k)
            for j in range(N, width):
                put(tile, i * width + j, _less(get(tile, i * width + j), factor, get(tile, k * width + j)))


@inner
def _size(z: Any) -> Any:
    """|re| + |im|: within a factor sqrt(2) of the modulus, and it neither overflows nor vanishes."""
    return abs(z[0]) + abs(z[1])


@inner
def _reciprocal(z: Any) -> Any:
    """1 / z, with z scaled to about 1 first: then its square neither overflows nor vanishes."""
    scale = 1.0 / _size(z)
    re, im = z[0] * scale, z[1] * scale
    scale = scale / (re * re + im * im)
    return re * scale, -(im * scale)


@inner
def _less(c: Any, a: Any, b: Any) -> Any:
    """``c - a b``."""
    return c[0] - a[0] * b[0] + a[1] * b[1], c[1] - a[0] * b[1] - a[1] * b[0]


@inner
def _exchange(tile: np.ndarray, N: int, width: int, k: int) -> None:
    """Exchange row k with that of the largest element of column k, in the lanes where the pivot is too small."""
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
