"""Numba kernels of the closed loop: matrices built a tile at a time, never held."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffFx_pytorch.kernels.vector import constant, lanes_of, load, spread, store, total

from .elimination import eliminate
from .spectra import (
    PIECE,
    Window,
    aligned,
    get,
    inner,
    jit,
    plus_times_conj,
    put,
    read_columns,
    store_points,
    tile_of,
    times,
    write_columns,
)


@jit
def closed_loop_pieces(start, stop, left, matrix, right, rhs, y):
    """Pieces ``start`` to ``stop - 1`` of y with (I - diag(left) A diag(right)) y = rhs; pieces count within items.

    Args:
        start: first piece.
        stop: the piece after the last.
        left: rows (N, 1, 2 M), pairs of real and imaginary parts, or (N, 1, 2) for all points, or of no size for ones.
        matrix: rows (N^2,), real, or (2 N^2,), pairs.
        right: as left.
        rhs: rows (N, K, 2 M) or (N, K, 2).
        y: (items, N, K, 2 M), written.
    """
    N, K, points = y.shape[1], y.shape[2], y.shape[3] // 2
    lanes, width, in_item = lanes_of(y), N + K, -(-points // PIECE)
    tile, spare = tile_of(N * width, y), tile_of(1, y)
    left_tile, right_tile = tile_of(N * (left.values.size > 0), y), tile_of(N * (right.values.size > 0), y)
    for piece in range(start, stop):
        item, first = piece // in_item, piece % in_item * PIECE
        for m in range(first, min(points, first + PIECE), lanes):
            window = Window(m, min(lanes, points - m), spare)
            _read_diagonal(left, item, window, left_tile)
            _read_diagonal(right, item, window, right_tile)
            _fill(tile, N, width, left_tile, matrix.values[matrix.row[item]], right_tile, False)
            read_columns(rhs.values[rhs.row[item]], window, tile, N, width)
            eliminate(tile, N, width)
            write_columns(tile, N, width, y[item], window)


@jit
def closed_loop_adjoint_pieces(start, stop, left, matrix, right, grad_y, y, z, to_left, to_matrix, to_right):
    """All gradients: z solves the adjoint loop driven by grad_y, and each other one is a product with it.

    Args:
        start: first piece.
        stop: the piece after the last.
        left: as for ``closed_loop_pieces``.
        matrix: likewise.
        right: likewise.
        grad_y: rows (N, K, 2 M) or (N, K, 2).
        y: the solution, rows (N, K, 2 M).
        z: (items, N, K, 2 M), gradient to the right-hand side, written.
        to_left: (items, N, 2 M), written, or of no size where it is not needed.
        to_matrix: (items, pieces of an item, N^2 or 2 N^2), float64 sums over each piece, written, or of no size.
        to_right: as to_left.
    """
    N, K, points = z.shape[1], z.shape[2], z.shape[3] // 2
    lanes, width, in_item = lanes_of(z), N + K, -(-points // PIECE)
    tile, spare = tile_of(N * width, z), tile_of(1, z)
    left_tile, right_tile = tile_of(N * (left.values.size > 0), z), tile_of(N * (right.values.size > 0), z)
    y_tile, u, v = tile_of(N * K, z), tile_of(N * K, z), tile_of(N * K, z)
    sums = aligned(lanes * matrix.values.shape[1] * (to_matrix.size > 0), z)
    for piece in range(start, stop):
        item, first = piece // in_item, piece % in_item * PIECE
        A = matrix.values[matrix.row[item]]
        sums[:] = 0
        for m in range(first, min(points, first + PIECE), lanes):
            window = Window(m, min(lanes, points - m), spare)
            _read_diagonal(left, item, window, left_tile)
            _read_diagonal(right, item, window, right_tile)
            _fill(tile, N, width, right_tile, A, left_tile, True)
            read_columns(grad_y.values[grad_y.row[item]], window, tile, N, width)
            eliminate(tile, N, width)
            write_columns(tile, N, width, z[item], window)
            read_columns(y.values[y.row[item]], window, y_tile, 0, K)
            _scaled(tile, N, width, left_tile, True, u, K)
            _scaled(y_tile, 0, K, right_tile, False, v, K)
            if to_left.size:
                _diagonal_gradient(tile, N, width, A, False, v, K, to_left[item], window)
            if to_right.size:
                _diagonal_gradient(y_tile, 0, K, A, True, u, K, to_right[item], window)
            if to_matrix.size:
                if window.count < lanes:
                    _clear_unused(u, window.count)
                _add_outer(u, v, N, K, sums)
        if to_matrix.size:
            for at in range(matrix.values.shape[1]):
                to_matrix[item, piece % in_item, at] = total(load(sums, lanes * at))


@inner
def _read_diagonal(source: Any, item: int, window: Window, target: np.ndarray) -> None:
    """Read a diagonal into a tile of one column; nothing where it stands for ones."""
    if target.size:
        read_columns(source.values[source.row[item]], window, target, 0, 1)


@inner
def _fill(
    tile: np.ndarray, N: int, width: int, left: np.ndarray, A: np.ndarray, right: np.ndarray, adjoint: bool
) -> None:
    """Write I - diag(left) A diag(right) into the first columns, or, of A transposed, the conjugate of that."""
    one, zero = constant(tile, 1.0), constant(tile, 0.0)
    is_complex = A.size == 2 * N * N
    for i in range(N):
        l_re, l_im = one, zero
        if left.size:
            l_re, l_im = get(left, i)
        for j in range(N):
            number = j * N + i if adjoint else i * N + j
            if is_complex:
                re, im = times((l_re, l_im), (spread(A, 2 * number), spread(A, 2 * number + 1)))
            else:
                a = spread(A, number)
                re, im = l_re * a, l_im * a
            if right.size:
                re, im = times((re, im), get(right, j))
            put(tile, i * width + j, (-re, im if adjoint else -im))
        re, im = get(tile, i * width + i)
        put(tile, i * width + i, (one + re, im))


@inner
def _scaled(
    tile: np.ndarray, first: int, width: int, diagonal: np.ndarray, conjugate: bool, target: np.ndarray, K: int
) -> None:
    """Write columns of a tile times a diagonal, or its conjugate, into a tile of K columns."""
    for i in range(target.size // (2 * lanes_of(tile) * K)):
        for k in range(K):
            value = get(tile, i * width + first + k)
            if diagonal.size:
                d_re, d_im = get(diagonal, i)
                value = times(value, (d_re, -d_im if conjugate else d_im))
            put(target, i * K + k, value)


@inner
def _diagonal_gradient(
    tile: np.ndarray,
    first: int,
    width: int,
    A: np.ndarray,
    adjoint: bool,
    v: np.ndarray,
    K: int,
    target: np.ndarray,
    window: Window,
) -> None:
    """Write the sum over columns of w conj(A v), or of conj(w) (A^H v) for the adjoint; w are columns of ``tile``."""
    N = target.shape[0]
    is_complex = A.size == 2 * N * N
    for i in range(N):
        gradient = constant(tile, 0.0), constant(tile, 0.0)
        for k in range(K):
            s_re, s_im = constant(tile, 0.0), constant(tile, 0.0)
            for j in range(N):
                number = j * N + i if adjoint else i * N + j
                v_re, v_im = get(v, j * K + k)
                if is_complex:
                    a, b = spread(A, 2 * number), spread(A, 2 * number + 1)
                    if adjoint:
                        b = -b
                    s_re, s_im = s_re + a * v_re - b * v_im, s_im + a * v_im + b * v_re
                else:
                    a = spread(A, number)
                    s_re, s_im = s_re + a * v_re, s_im + a * v_im
            w = get(tile, i * width + first + k)
            if adjoint:
                gradient = plus_times_conj(gradient, (s_re, s_im), w)
            else:
                gradient = plus_times_conj(gradient, w, (s_re, s_im))
        store_points(target[i], window, gradient)


@inner
def _clear_unused(tile: np.ndarray, count: int) -> None:
    """Set to zero the lanes that stand for no point."""
    lanes = lanes_of(tile)
    for at in range(0, tile.size, lanes):
        tile[at + count : at + lanes] = 0


@inner
def _add_outer(u: np.ndarray, v: np.ndarray, N: int, K: int, sums: np.ndarray) -> None:
    """``sums[i, j] += sum_k u[i, k] conj(v[j, k])`` lane by lane, or its real part where sums are real."""
    lanes = lanes_of(u)
    is_complex = sums.size == 2 * lanes * N * N
    for i in range(N):
        for k in range(K):
            u_re, u_im = get(u, i * K + k)
            for j in range(N):
                v_re, v_im = get(v, j * K + k)
                number = i * N + j
                if is_complex:
                    put(sums, number, plus_times_conj(get(sums, number), (u_re, u_im), (v_re, v_im)))
                else:
                    store(sums, lanes * number, load(sums, lanes * number) + u_re * v_re + u_im * v_im)
