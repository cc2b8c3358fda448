"""Numba kernels of the solve of a small system at every point."""

from __future__ import annotations

from diffFx_pytorch.kernels.vector import constant, lanes_of

from .elimination import eliminate
from .spectra import (
    PIECE,
    Window,
    get,
    jit,
    load_points,
    plus_times_conj,
    put,
    read_columns,
    store_points,
    tile_of,
    write_columns,
)


@jit
def solve_pieces(start, stop, matrix, rhs, x):
    """Pieces ``start`` to ``stop - 1`` of x with matrix x = rhs at every point; pieces count within items.

    Args:
        start: first piece.
        stop: the piece after the last.
        matrix: rows (N, N, 2 M), pairs of real and imaginary parts, or (N, N, 2) for all points.
        rhs: rows (N, K, 2 M) or (N, K, 2).
        x: (items, N, K, 2 M), written.
    """
    N, K, points = x.shape[1], x.shape[2], x.shape[3] // 2
    lanes, width, in_item = lanes_of(x), N + K, -(-points // PIECE)
    tile, spare = tile_of(N * width, x), tile_of(1, x)
    for piece in range(start, stop):
        item, first = piece // in_item, piece % in_item * PIECE
        for m in range(first, min(points, first + PIECE), lanes):
            window = Window(m, min(lanes, points - m), spare)
            read_columns(matrix.values[matrix.row[item]], window, tile, 0, width)
            read_columns(rhs.values[rhs.row[item]], window, tile, N, width)
            eliminate(tile, N, width)
            write_columns(tile, N, width, x[item], window)


@jit
def solve_adjoint_pieces(start, stop, matrix, x, grad_x, z, to_matrix):
    """Both gradients: z with matrix^H z = grad_x is that of the right-hand side, -z x^H that of the matrix.

    Args:
        start: first piece.
        stop: the piece after the last.
        matrix: rows (N, N, 2 M) or (N, N, 2), as for ``solve_pieces``.
        x: the solution, rows (N, K, 2 M).
        grad_x: rows (N, K, 2 M) or (N, K, 2).
        z: (items, N, K, 2 M), written.
        to_matrix: (items, N, N, 2 M), written, or of no size where it is not needed.
    """
    N, K, points = z.shape[1], z.shape[2], z.shape[3] // 2
    lanes, width, in_item = lanes_of(z), N + K, -(-points // PIECE)
    tile, x_tile, spare = tile_of(N * width, z), tile_of(N * K, z), tile_of(1, z)
    for piece in range(start, stop):
        item, first = piece // in_item, piece % in_item * PIECE
        A = matrix.values[matrix.row[item]]
        for m in range(first, min(points, first + PIECE), lanes):
            window = Window(m, min(lanes, points - m), spare)
            for i in range(N):
                for j in range(N):
                    re, im = load_points(A[j, i], window)
                    put(tile, i * width + j, (re, -im))
            read_columns(grad_x.values[grad_x.row[item]], window, tile, N, width)
            eliminate(tile, N, width)
            write_columns(tile, N, width, z[item], window)
            if to_matrix.size == 0:
                continue
            read_columns(x.values[x.row[item]], window, x_tile, 0, K)
            for i in range(N):
                for j in range(N):
                    total = constant(z, 0.0), constant(z, 0.0)
                    for k in range(K):
                        total = plus_times_conj(total, get(tile, i * width + N + k), get(x_tile, j * K + k))
                    store_points(to_matrix[item, i, j], window, (-total[0], -total[1]))
