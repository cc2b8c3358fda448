"""Numba kernels of the closed loop: matrices built a tile at a time, never held."""

from __future__ import annotations

import numpy as np

from .tiles import PIECE, aligned, eliminate, inner, jit, load_points, read_columns, store_points, write_columns
from .vectors import constant, lanes_of, load, spread, store, total


@jit
def closed_loop_pieces(
    start: int,
    stop: int,
    left: np.ndarray,
    left_item: np.ndarray,
    matrix: np.ndarray,
    matrix_item: np.ndarray,
    right: np.ndarray,
    right_item: np.ndarray,
    rhs: np.ndarray,
    rhs_item: np.ndarray,
    y: np.ndarray,
) -> None:
    """Pieces ``start`` to ``stop - 1`` of y with (I - diag(left) A diag(right)) y = rhs; pieces count within items.

    Args:
        start: first piece.
        stop: the piece after the last.
        left: (B, N, 2 M) pairs of real and imaginary parts, or (B, N, 2) for all points, or of no size for ones.
        left_item: (items,) which of the B an item of y reads; so for the others.
        matrix: (B, N^2), real, or (B, 2 N^2), pairs.
        matrix_item: (items,).
        right: as left.
        right_item: (items,).
        rhs: (B, N, K, 2 M) or (B, N, K, 2).
        rhs_item: (items,).
        y: (items, N, K, 2 M), written.
    """
    N, K, points = y.shape[1], y.shape[2], y.shape[3] // 2
    lanes, width = lanes_of(y), N + K
    in_item = -(-points // PIECE)
    tile, spare = aligned(2 * lanes * N * width, y), aligned(2 * lanes, y)
    left_tile, right_tile = aligned(2 * lanes * N * (left.size > 0), y), aligned(2 * lanes * N * (right.size > 0), y)
    for piece in range(start, stop):
        item, first = piece // in_item, piece % in_item * PIECE
        for m in range(first, min(points, first + PIECE), lanes):
            count = min(lanes, points - m)
            _read_diagonal(left, left_item[item], m, count, spare, left_tile)
            _read_diagonal(right, right_item[item], m, count, spare, right_tile)
            _fill(tile, N, width, left_tile, matrix[matrix_item[item]], right_tile, False)
            read_columns(rhs[rhs_item[item]], m, count, spare, tile, N, width)
            eliminate(tile, N, width)
            write_columns(tile, N, width, y[item], m, count, spare)


@jit
def closed_loop_adjoint_pieces(
    start: int,
    stop: int,
    left: np.ndarray,
    left_item: np.ndarray,
    matrix: np.ndarray,
    matrix_item: np.ndarray,
    right: np.ndarray,
    right_item: np.ndarray,
    grad_y: np.ndarray,
    grad_item: np.ndarray,
    y: np.ndarray,
    y_item: np.ndarray,
    z: np.ndarray,
    to_left: np.ndarray,
    to_matrix: np.ndarray,
    to_right: np.ndarray,
) -> None:
    """All gradients: z solves the adjoint loop driven by grad_y, and each other one is a product with it.

    Args:
        start: first piece.
        stop: the piece after the last.
        left: as for ``closed_loop_pieces``, and so the others up to ``right_item``.
        left_item: (items,).
        matrix: (B, N^2) or (B, 2 N^2).
        matrix_item: (items,).
        right: as left.
        right_item: (items,).
        grad_y: (B, N, K, 2 M) or (B, N, K, 2).
        grad_item: (items,).
        y: the solution, (B, N, K, 2 M).
        y_item: (items,).
        z: (items, N, K, 2 M), gradient to the right-hand side, written.
        to_left: (items, N, 2 M), written, or of no size where it is not wanted.
        to_matrix: (items, pieces of an item, N^2 or 2 N^2), float64 sums over each piece, written, or of no size.
        to_right: as to_left.
    """
    N, K, points = z.shape[1], z.shape[2], z.shape[3] // 2
    lanes, width = lanes_of(z), N + K
    in_item, parts = -(-points // PIECE), matrix.shape[1] // (N * N)
    tile, spare = aligned(2 * lanes * N * width, z), aligned(2 * lanes, z)
    left_tile, right_tile = aligned(2 * lanes * N * (left.size > 0), z), aligned(2 * lanes * N * (right.size > 0), z)
    y_tile, u, v = aligned(2 * lanes * N * K, z), aligned(2 * lanes * N * K, z), aligned(2 * lanes * N * K, z)
    sums = aligned(lanes * parts * N * N * (to_matrix.size > 0), z)
    for piece in range(start, stop):
        item, first = piece // in_item, piece % in_item * PIECE
        A = matrix[matrix_item[item]]
        sums[:] = 0
        for m in range(first, min(points, first + PIECE), lanes):
            count = min(lanes, points - m)
            _read_diagonal(left, left_item[item], m, count, spare, left_tile)
            _read_diagonal(right, right_item[item], m, count, spare, right_tile)
            _fill(tile, N, width, right_tile, A, left_tile, True)
            read_columns(grad_y[grad_item[item]], m, count, spare, tile, N, width)
            eliminate(tile, N, width)
            write_columns(tile, N, width, z[item], m, count, spare)
            read_columns(y[y_item[item]], m, count, spare, y_tile, 0, K)
            _scaled(tile, N, width, left_tile, True, u, K)
            _scaled(y_tile, 0, K, right_tile, False, v, K)
            if to_left.size:
                _diagonal_gradient(tile, N, width, A, parts, False, v, K, to_left[item], m, count, spare)
            if to_right.size:
                _diagonal_gradient(y_tile, 0, K, A, parts, True, u, K, to_right[item], m, count, spare)
            if to_matrix.size:
                if count < lanes:
                    _silence(u, count, lanes)
                _add_outer(u, v, N, K, parts, sums)
        if to_matrix.size:
            for at in range(parts * N * N):
                to_matrix[item, piece % in_item, at] = total(load(sums, lanes * at))


@inner
def _read_diagonal(source: np.ndarray, item: int, m: int, count: int, spare: np.ndarray, target: np.ndarray) -> None:
    """A diagonal at these points as a tile of one column; nothing where it stands for ones."""
    lanes = lanes_of(spare)
    for i in range(source.shape[1]):
        re, im = load_points(source[item, i], m, count, spare)
        store(target, 2 * lanes * i, re)
        store(target, 2 * lanes * i + lanes, im)


@inner
def _fill(
    tile: np.ndarray, N: int, width: int, left: np.ndarray, A: np.ndarray, right: np.ndarray, adjoint: bool
) -> None:
    """I - diag(left) A diag(right) into the first columns, or, of A transposed, the conjugate of that."""
    lanes = lanes_of(tile)
    one, zero = constant(tile, 1.0), constant(tile, 0.0)
    is_complex = A.size == 2 * N * N
    for i in range(N):
        l_re, l_im = one, zero
        if left.size:
            l_re, l_im = load(left, 2 * lanes * i), load(left, 2 * lanes * i + lanes)
        for j in range(N):
            entry = j * N + i if adjoint else i * N + j
            if is_complex:
                a_re, a_im = spread(A, 2 * entry), spread(A, 2 * entry + 1)
                re, im = l_re * a_re - l_im * a_im, l_im * a_re + l_re * a_im
            else:
                a_re = spread(A, entry)
                re, im = l_re * a_re, l_im * a_re
            if right.size:
                r_re, r_im = load(right, 2 * lanes * j), load(right, 2 * lanes * j + lanes)
                re, im = re * r_re - im * r_im, re * r_im + im * r_re
            at = 2 * lanes * (i * width + j)
            store(tile, at, -re)
            store(tile, at + lanes, im if adjoint else -im)
        at = 2 * lanes * (i * width + i)
        store(tile, at, one + load(tile, at))


@inner
def _scaled(
    tile: np.ndarray, first: int, width: int, diagonal: np.ndarray, conjugate: bool, target: np.ndarray, K: int
) -> None:
    """Columns of a tile times a diagonal or its conjugate, into a tile of K columns."""
    lanes = lanes_of(tile)
    N = target.size // (2 * lanes * K)
    for i in range(N):
        for k in range(K):
            at, to = 2 * lanes * (i * width + first + k), 2 * lanes * (i * K + k)
            re, im = load(tile, at), load(tile, at + lanes)
            if diagonal.size:
                d_re, d_im = load(diagonal, 2 * lanes * i), load(diagonal, 2 * lanes * i + lanes)
                if conjugate:
                    d_im = -d_im
                re, im = re * d_re - im * d_im, re * d_im + im * d_re
            store(target, to, re)
            store(target, to + lanes, im)


@inner
def _diagonal_gradient(
    tile: np.ndarray,
    first: int,
    width: int,
    A: np.ndarray,
    parts: int,
    adjoint: bool,
    v: np.ndarray,
    K: int,
    target: np.ndarray,
    m: int,
    count: int,
    spare: np.ndarray,
) -> None:
    """The sum over columns of w conj(A v), or with the adjoint of A of conj(w) (A^H v); w are columns of ``tile``."""
    lanes = lanes_of(tile)
    N = target.shape[0]
    for i in range(N):
        g_re, g_im = constant(tile, 0.0), constant(tile, 0.0)
        for k in range(K):
            s_re, s_im = constant(tile, 0.0), constant(tile, 0.0)
            for j in range(N):
                entry = parts * (j * N + i if adjoint else i * N + j)
                v_at = 2 * lanes * (j * K + k)
                a, v_re, v_im = spread(A, entry), load(v, v_at), load(v, v_at + lanes)
                s_re, s_im = s_re + a * v_re, s_im + a * v_im
                if parts == 2:
                    b = spread(A, entry + 1)
                    if adjoint:
                        b = -b
                    s_re, s_im = s_re - b * v_im, s_im + b * v_re
            at = 2 * lanes * (i * width + first + k)
            w_re, w_im = load(tile, at), load(tile, at + lanes)
            if adjoint:
                w_im, s_im = -w_im, -s_im
            g_re, g_im = g_re + w_re * s_re + w_im * s_im, g_im + w_im * s_re - w_re * s_im
        store_points(target[i], m, count, g_re, g_im, spare)


@inner
def _silence(tile: np.ndarray, count: int, lanes: int) -> None:
    """Zero the lanes that stand for no point."""
    for at in range(0, tile.size, lanes):
        tile[at + count : at + lanes] = 0


@inner
def _add_outer(u: np.ndarray, v: np.ndarray, N: int, K: int, parts: int, sums: np.ndarray) -> None:
    """``sums[i, j] += sum_k u[i, k] conj(v[j, k])`` lane by lane, or its real part if ``parts`` is 1."""
    lanes = lanes_of(u)
    for i in range(N):
        for k in range(K):
            u_at = 2 * lanes * (i * K + k)
            u_re, u_im = load(u, u_at), load(u, u_at + lanes)
            for j in range(N):
                v_at, at = 2 * lanes * (j * K + k), lanes * parts * (i * N + j)
                v_re, v_im = load(v, v_at), load(v, v_at + lanes)
                store(sums, at, load(sums, at) + u_re * v_re + u_im * v_im)
                if parts == 2:
                    store(sums, at + lanes, load(sums, at + lanes) + u_im * v_re - u_re * v_im)
