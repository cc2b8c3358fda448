"""Numba kernels of the solve of a small system at every point."""

from __future__ import annotations

import numpy as np

from .tiles import PIECE, aligned, eliminate, jit, load_points, read_columns, store_points, write_columns
from .vectors import constant, lanes_of, load, store


@jit
def solve_pieces(
    start: int,
    stop: int,
    matrix: np.ndarray,
    matrix_item: np.ndarray,
    rhs: np.ndarray,
    rhs_item: np.ndarray,
    x: np.ndarray,
) -> None:
    """Pieces ``start`` to ``stop - 1`` of x with matrix x = rhs at every point; pieces count within items.

    Args:
        start: first piece.
        stop: the piece after the last.
        matrix: (B, N, N, 2 M) pairs of real and imaginary parts, or (B, N, N, 2) for all points.
        matrix_item: (items,) which of the B an item of x reads; so for the others.
        rhs: (B, N, K, 2 M) or (B, N, K, 2).
        rhs_item: (items,).
        x: (items, N, K, 2 M), written.
    """
    N, K, points = x.shape[1], x.shape[2], x.shape[3] // 2
    lanes, width = lanes_of(x), N + K
    in_item = -(-points // PIECE)
    tile, spare = aligned(2 * lanes * N * width, x), aligned(2 * lanes, x)
    for piece in range(start, stop):
        item, first = piece // in_item, piece % in_item * PIECE
        for m in range(first, min(points, first + PIECE), lanes):
            count = min(lanes, points - m)
            read_columns(matrix[matrix_item[item]], m, count, spare, tile, 0, width)
            read_columns(rhs[rhs_item[item]], m, count, spare, tile, N, width)
            eliminate(tile, N, width)
            write_columns(tile, N, width, x[item], m, count, spare)


@jit
def solve_adjoint_pieces(
    start: int,
    stop: int,
    matrix: np.ndarray,
    matrix_item: np.ndarray,
    x: np.ndarray,
    x_item: np.ndarray,
    grad_x: np.ndarray,
    grad_item: np.ndarray,
    z: np.ndarray,
    to_matrix: np.ndarray,
) -> None:
    """Both gradients: z with matrix^H z = grad_x goes to the right-hand side, -z x^H to the matrix.

    Args:
        start: first piece.
        stop: the piece after the last.
        matrix: (B, N, N, 2 M) or (B, N, N, 2), as for ``solve_pieces``.
        matrix_item: (items,).
        x: the solution, (B, N, K, 2 M).
        x_item: (items,).
        grad_x: (B, N, K, 2 M) or (B, N, K, 2).
        grad_item: (items,).
        z: (items, N, K, 2 M), written.
        to_matrix: (items, N, N, 2 M), written.
    """
    N, K, points = z.shape[1], z.shape[2], z.shape[3] // 2
    lanes, width = lanes_of(z), N + K
    in_item = -(-points // PIECE)
    tile, spare = aligned(2 * lanes * N * width, z), aligned(2 * lanes, z)
    x_tile = aligned(2 * lanes * N * K, z)
    for piece in range(start, stop):
        item, first = piece // in_item, piece % in_item * PIECE
        for m in range(first, min(points, first + PIECE), lanes):
            count = min(lanes, points - m)
            A = matrix[matrix_item[item]]
            for i in range(N):
                for j in range(N):
                    re, im = load_points(A[j, i], m, count, spare)
                    at = 2 * lanes * (i * width + j)
                    store(tile, at, re)
                    store(tile, at + lanes, -im)
            read_columns(grad_x[grad_item[item]], m, count, spare, tile, N, width)
            eliminate(tile, N, width)
            write_columns(tile, N, width, z[item], m, count, spare)
            read_columns(x[x_item[item]], m, count, spare, x_tile, 0, K)
            for i in range(N):
                for j in range(N):
                    re, im = constant(z, 0.0), constant(z, 0.0)
                    for k in range(K):
                        z_at, x_at = 2 * lanes * (i * width + N + k), 2 * lanes * (j * K + k)
                        z_re, z_im = load(tile, z_at), load(tile, z_at + lanes)
                        x_re, x_im = load(x_tile, x_at), load(x_tile, x_at + lanes)
                        re, im = re - z_re * x_re - z_im * x_im, im - z_im * x_re + z_re * x_im
                    store_points(to_matrix[item, i, j], m, count, re, im, spare)
