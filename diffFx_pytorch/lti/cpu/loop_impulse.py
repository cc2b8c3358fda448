"""Numba kernels of a loop of whole delays and a matrix: as many samples at once as a vector holds.

Blocks are no longer than the shortest delay, so all that the loop feeds back into a block is known before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffFx_pytorch.kernels.vector import constant, lanes_of, load, spread, store, total

from .spectra import aligned, inner, jit

LONGEST_SUM = 64
"""Vectors that are summed in the signal's type before they are added in float64."""


@jit
def loop_rows(start, stop, matrix, delays, b, c, x, h):
    """Impulse responses of rows ``start`` to ``stop - 1``; a row is an item and one of its inputs.

    Args:
        start: first row.
        stop: the row after the last.
        matrix: rows (N^2,).
        delays: rows (N,), int64, at least 1.
        b: rows (N, I).
        c: rows (O, N).
        x: (items, I, N, T), what enters the delays, written, or of no size where it is not needed.
        h: (items, O, I, T), written.
    """
    outputs, inputs, samples = h.shape[1], h.shape[2], h.shape[3]
    N, lanes = delays.values.shape[1], lanes_of(h)
    spare, s = aligned(lanes, h), aligned(lanes * N, h)
    own = np.empty((N if x.size == 0 else 0, samples), h.dtype)
    for row in range(start, stop):
        item, column = row // inputs, row % inputs
        A, m, C = matrix.values[matrix.row[item]], delays.values[delays.row[item]], c.values[c.row[item]]
        line = x[item, column] if x.size else own
        block = min(lanes, m.min())
        for t in range(0, samples, block):
            count = min(block, samples - t)
            for j in range(N):
                store(s, lanes * j, _delayed(line[j], t - m[j], count, spare))
            for i in range(N):
                _write(line[i], t, count, _dot(A, i * N, 1, s, N), spare)
            for o in range(outputs):
                _write(h[item, o, column], t, count, _dot(C[o], 0, 1, s, N), spare)
            if t == 0:
                for i in range(N):
                    line[i, 0] += b.values[b.row[item], i, column]


@jit
def loop_adjoint_rows(start, stop, grad_h, matrix, delays, c, x, to_matrix, to_b, to_c):
    """Gradients of ``loop_rows``: the loop run backwards, its matrix transposed, driven by grad_h through c.

    Args:
        start: first row.
        stop: the row after the last.
        grad_h: rows (O, I, T).
        matrix: rows (N^2,).
        delays: rows (N,).
        c: rows (O, N).
        x: (items, I, N, T).
        to_matrix: (items I, N^2), float64, written.
        to_b: (items I, N), float64, written.
        to_c: (items I, O N), float64, written.
    """
    inputs, N, samples = x.shape[1], x.shape[2], x.shape[3]
    lanes, outputs = lanes_of(x), c.values.shape[1]
    spare, s, g = aligned(lanes, x), aligned(lanes * N, x), aligned(lanes * N, x)
    drive = aligned(lanes * outputs, x)
    sums_a, sums_c = aligned(lanes * N * N, x), aligned(lanes * N * outputs, x)
    back = np.empty((N, samples), x.dtype)  # gradient to the outputs of the delays
    for row in range(start, stop):
        item, column = row // inputs, row % inputs
        A, m, C = matrix.values[matrix.row[item]], delays.values[delays.row[item]], c.values[c.row[item]]
        line, grad = x[item, column], grad_h.values[grad_h.row[item]]
        to_matrix[row] = 0.0
        to_c[row] = 0.0
        sums_a[:] = 0
        sums_c[:] = 0
        block = min(lanes, m.min())
        for number in range(-(-samples // block) - 1, -1, -1):
            t = number * block
            count = min(block, samples - t)
            for j in range(N):
                store(s, lanes * j, _delayed(line[j], t - m[j], count, spare))
                store(g, lanes * j, _delayed(back[j], t + m[j], count, spare))
            for o in range(outputs):
                store(drive, lanes * o, _delayed(grad[o, column], t, count, spare))
            for j in range(N):
                value = _dot(A, j, N, g, N)
                for o in range(outputs):
                    value += spread(C[o], j) * load(drive, lanes * o)
                _write(back[j], t, count, value, spare)
            _add_products(g, N, s, N, sums_a)
            _add_products(drive, outputs, s, N, sums_c)
            if number % LONGEST_SUM == 0:
                _empty_into(sums_a, to_matrix[row])
                _empty_into(sums_c, to_c[row])
        for i in range(N):
            to_b[row, i] = back[i, m[i]] if m[i] < samples else 0.0


@inner
def _delayed(row: np.ndarray, at: int, count: int, spare: np.ndarray) -> Any:
    """The first ``count`` lanes from ``row[at]`` on, 0 outside the row and in the other lanes."""
    lanes = lanes_of(spare)
    if count == lanes and at >= 0 and at + lanes <= row.size:
        return load(row, at)
    if at + count <= 0 or at >= row.size:
        return constant(spare, 0.0)
    for q in range(lanes):
        spare[q] = row[at + q] if q < count and 0 <= at + q < row.size else 0.0
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
        even += spread(a, first + step * j) * load(s, lanes * j)
        odd += spread(a, first + step * (j + 1)) * load(s, lanes * (j + 1))
    if N % 2:
        even += spread(a, first + step * (N - 1)) * load(s, lanes * (N - 1))
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
def _empty_into(sums: np.ndarray, target: np.ndarray) -> None:
    """Add the lanes of sums to float64 numbers, and set the sums to zero."""
    lanes = lanes_of(sums)
    for k in range(target.size):
        target[k] += total(load(sums, lanes * k))
        store(sums, lanes * k, constant(sums, 0.0))
