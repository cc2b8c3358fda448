"""Numba kernels of a loop of whole delays and a matrix: as many samples at once as a vector holds.

All delays are at least that long, so what the loop feeds back is known before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .tiles import aligned, inner, jit
from .vectors import constant, lanes_of, load, spread, store, total

FLUSH = 64
"""Vectors that are summed in the signal's type before they are added in float64."""


@jit
def loop_rows(
    start: int,
    stop: int,
    matrix: np.ndarray,
    matrix_item: np.ndarray,
    delays: np.ndarray,
    delays_item: np.ndarray,
    b: np.ndarray,
    b_item: np.ndarray,
    c: np.ndarray,
    c_item: np.ndarray,
    x: np.ndarray,
    h: np.ndarray,
) -> None:
    """Impulse responses of rows ``start`` to ``stop - 1``; a row is an item and one of its inputs.

    Args:
        start: first row.
        stop: the row after the last.
        matrix: (B, N^2).
        matrix_item: (items,) which of the B an item reads; so for the others.
        delays: (B, N) int64, at least as many samples as a vector holds.
        delays_item: (items,).
        b: (B, N, I).
        b_item: (items,).
        c: (B, O, N).
        c_item: (items,).
        x: (items, I, N, T), what enters the delays, written.
        h: (items, O, I, T), written.
    """
    inputs, N, samples = x.shape[1], x.shape[2], x.shape[3]
    lanes, outputs = lanes_of(x), h.shape[1]
    spare, s = aligned(lanes, x), aligned(lanes * N, x)
    for row in range(start, stop):
        item, column = row // inputs, row % inputs
        A, m, C = matrix[matrix_item[item]], delays[delays_item[item]], c[c_item[item]]
        line = x[item, column]
        for t in range(0, samples, lanes):
            count = min(lanes, samples - t)
            for j in range(N):
                store(s, lanes * j, _shifted(line[j], t - m[j], spare))
            for i in range(N):
                _write(line[i], t, count, _dot(A, i * N, 1, s, N), spare)
            for o in range(outputs):
                _write(h[item, o, column], t, count, _dot(C[o], 0, 1, s, N), spare)
            if t == 0:
                for i in range(N):
                    line[i, 0] += b[b_item[item], i, column]


@jit
def loop_adjoint_rows(
    start: int,
    stop: int,
    grad_h: np.ndarray,
    grad_item: np.ndarray,
    matrix: np.ndarray,
    matrix_item: np.ndarray,
    delays: np.ndarray,
    delays_item: np.ndarray,
    c: np.ndarray,
    c_item: np.ndarray,
    x: np.ndarray,
    x_item: np.ndarray,
    to_matrix: np.ndarray,
    to_b: np.ndarray,
    to_c: np.ndarray,
) -> None:
    """Gradients of ``loop_rows``: the loop run backwards, its matrix transposed, driven by grad_h through c.

    Args:
        start: first row.
        stop: the row after the last.
        grad_h: (B, O, I, T).
        grad_item: (items,).
        matrix: (B, N^2).
        matrix_item: (items,).
        delays: (B, N).
        delays_item: (items,).
        c: (B, O, N).
        c_item: (items,).
        x: (B, I, N, T).
        x_item: (items,).
        to_matrix: (items I, N^2), float64, written.
        to_b: (items I, N), float64, written.
        to_c: (items I, O N), float64, written.
    """
    inputs, N, samples = x.shape[1], x.shape[2], x.shape[3]
    lanes, outputs = lanes_of(x), grad_h.shape[1]
    spare, s, g = aligned(lanes, x), aligned(lanes * N, x), aligned(lanes * N, x)
    drive = aligned(lanes * outputs, x)
    sums_a, sums_c = aligned(lanes * N * N, x), aligned(lanes * N * outputs, x)
    back = np.empty((N, samples), x.dtype)  # gradient to what leaves the delays
    for row in range(start, stop):
        item, column = row // inputs, row % inputs
        A, m, C = matrix[matrix_item[item]], delays[delays_item[item]], c[c_item[item]]
        line, grad = x[x_item[item], column], grad_h[grad_item[item]]
        to_matrix[row] = 0.0
        to_c[row] = 0.0
        sums_a[:] = 0
        sums_c[:] = 0
        chunks = -(-samples // lanes)
        for chunk in range(chunks - 1, -1, -1):
            t = chunk * lanes
            count = min(lanes, samples - t)
            for j in range(N):
                store(s, lanes * j, _shifted(line[j], t - m[j], spare))
                store(g, lanes * j, _shifted(back[j], t + m[j], spare))
            for o in range(outputs):
                store(drive, lanes * o, _shifted(grad[o, column], t, spare))
            for j in range(N):
                value = _dot(A, j, N, g, N)
                for o in range(outputs):
                    value = value + spread(C[o], j) * load(drive, lanes * o)
                _write(back[j], t, count, value, spare)
            _add_products(g, N, s, N, sums_a)
            _add_products(drive, outputs, s, N, sums_c)
            if chunk % FLUSH == 0:
                _flush(sums_a, to_matrix[row])
                _flush(sums_c, to_c[row])
        for i in range(N):
            to_b[row, i] = back[i, m[i]] if m[i] < samples else 0.0


@inner
def _shifted(row: np.ndarray, at: int, spare: np.ndarray) -> Any:
    """The vector from ``row[at]`` on, silence outside the row."""
    lanes = lanes_of(spare)
    if at >= 0 and at + lanes <= row.size:
        return load(row, at)
    if at + lanes <= 0 or at >= row.size:
        return constant(spare, 0.0)
    for q in range(lanes):
        spare[q] = row[at + q] if 0 <= at + q < row.size else 0.0
    return load(spare, 0)


@inner
def _write(row: np.ndarray, at: int, count: int, value: Any, spare: np.ndarray) -> None:
    """The first ``count`` lanes from ``row[at]`` on."""
    if count == lanes_of(row):
        store(row, at, value)
    else:
        store(spare, 0, value)
        for q in range(count):
            row[at + q] = spare[q]


@inner
def _dot(a: np.ndarray, first: int, step: int, s: np.ndarray, N: int) -> Any:
    """The sum of ``a[first + step j] s[j]`` over N vectors."""
    lanes = lanes_of(s)
    even, odd = constant(s, 0.0), constant(s, 0.0)
    for j in range(0, N - 1, 2):
        even = even + spread(a, first + step * j) * load(s, lanes * j)
        odd = odd + spread(a, first + step * (j + 1)) * load(s, lanes * (j + 1))
    if N % 2:
        even = even + spread(a, first + step * (N - 1)) * load(s, lanes * (N - 1))
    return even + odd


@inner
def _add_products(u: np.ndarray, rows: int, v: np.ndarray, columns: int, sums: np.ndarray) -> None:
    """``sums[i, j] += u[i] v[j]``, lane by lane."""
    lanes = lanes_of(u)
    for i in range(rows):
        value = load(u, lanes * i)
        for j in range(columns):
            at = lanes * (i * columns + j)
            store(sums, at, load(sums, at) + value * load(v, lanes * j))


@inner
def _flush(sums: np.ndarray, target: np.ndarray) -> None:
    """Add the lanes of sums to float64 numbers, and begin again."""
    lanes = lanes_of(sums)
    for k in range(target.size):
        target[k] += total(load(sums, lanes * k))
        store(sums, lanes * k, constant(sums, 0.0))
