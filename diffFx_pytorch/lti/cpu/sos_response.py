"""Numba kernels of second-order sections on a circle, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from .tiles import PIECE, aligned, inner, jit
from .vectors import constant, load, load_wide_pairs, spread, store, store_pairs, total

WIDE = 8
"""Points side by side: a vector of float64."""


@jit
def sos_pieces(start: int, stop: int, sos: np.ndarray, w: np.ndarray, response: np.ndarray) -> None:
    """Pieces ``start`` to ``stop - 1`` of the product of sections; pieces count within rows.

    Args:
        start: first piece.
        stop: the piece after the last.
        sos: (R, 6 S), float64.
        w: (2 M',) the points z^-1, float64, M' being M rounded up to full vectors.
        response: (R, 2 M), written.
    """
    points, sections = response.shape[1] // 2, sos.shape[1] // 6
    in_row = -(-points // PIECE)
    spare = np.empty(2 * WIDE, response.dtype)
    for piece in range(start, stop):
        r, first = piece // in_row, piece % in_row * PIECE
        row, c = response[r], sos[r]
        for k in range(first, min(points, first + PIECE), WIDE):
            w_re, w_im = load_wide_pairs(w, 2 * k)
            re, im = constant(w, 1.0), constant(w, 0.0)
            for s in range(sections):
                r_re, r_im, _, _ = _section(c, 6 * s, w_re, w_im)
                re, im = re * r_re - im * r_im, re * r_im + im * r_re
            if k + WIDE <= points:
                store_pairs(row, 2 * k, re, im)
            else:
                store_pairs(spare, 0, re, im)
                row[2 * k :] = spare[: 2 * (points - k)]


@inner
def _section(c: np.ndarray, at: int, w_re: Any, w_im: Any) -> Any:
    """Of the section at ``c[at]``: its ratio b / a and 1 / a."""
    v_re, v_im = w_re * w_re - w_im * w_im, (w_re + w_re) * w_im
    b0, b1, b2 = spread(c, at), spread(c, at + 1), spread(c, at + 2)
    a0, a1, a2 = spread(c, at + 3), spread(c, at + 4), spread(c, at + 5)
    b_re, b_im = b0 + b1 * w_re + b2 * v_re, b1 * w_im + b2 * v_im
    a_re, a_im = a0 + a1 * w_re + a2 * v_re, a1 * w_im + a2 * v_im
    scale = constant(c, 1.0) / (a_re * a_re + a_im * a_im)
    i_re, i_im = a_re * scale, -(a_im * scale)
    return b_re * i_re - b_im * i_im, b_re * i_im + b_im * i_re, i_re, i_im


@jit
def sos_slope_pieces(
    start: int, stop: int, grad: np.ndarray, sos: np.ndarray, w: np.ndarray, slope: np.ndarray
) -> None:
    """Gradients to sections, summed over each piece.

    That to b_n is the product of the other sections over a, times w^n; that to a_n is the same times -b / a. Products
    of the sections before and after are kept: dividing the whole by one section would be 0 / 0 at its zeros.

    Args:
        start: first piece.
        stop: the piece after the last.
        grad: (R, 2 M).
        sos: (R, 6 S), float64.
        w: (2 M',) the points z^-1, float64.
        slope: (R, pieces of a row, 6 S), float64, written.
    """
    points, sections = grad.shape[1] // 2, sos.shape[1] // 6
    in_row = -(-points // PIECE)
    sums = aligned(6 * WIDE * sections, sos)
    parts = aligned(6 * WIDE * sections, sos)
    spare = np.zeros(2 * WIDE, grad.dtype)  # only the last vector of a row is not full, and its rest stays silent
    for piece in range(start, stop):
        r, first = piece // in_row, piece % in_row * PIECE
        g, c = grad[r], sos[r]
        sums[:] = 0.0
        for k in range(first, min(points, first + PIECE), WIDE):
            w_re, w_im = load_wide_pairs(w, 2 * k)
            v_re, v_im = w_re * w_re - w_im * w_im, (w_re + w_re) * w_im
            # conj(grad) times what comes before each section.
            if k + WIDE <= points:
                p_re, p_im = load_wide_pairs(g, 2 * k)
            else:
                spare[: 2 * (points - k)] = g[2 * k :]
                p_re, p_im = load_wide_pairs(spare, 0)
            p_im = -p_im
            for s in range(sections):
                r_re, r_im, i_re, i_im = _section(c, 6 * s, w_re, w_im)
                at = 6 * WIDE * s
                store(parts, at, r_re)
                store(parts, at + WIDE, r_im)
                store(parts, at + 2 * WIDE, p_re * i_re - p_im * i_im)
                store(parts, at + 3 * WIDE, p_re * i_im + p_im * i_re)
                p_re, p_im = p_re * r_re - p_im * r_im, p_re * r_im + p_im * r_re
            q_re, q_im = constant(w, 1.0), constant(w, 0.0)
            for s in range(sections - 1, -1, -1):
                at = 6 * WIDE * s
                r_re, r_im = load(parts, at), load(parts, at + WIDE)
                d_re, d_im = load(parts, at + 2 * WIDE), load(parts, at + 3 * WIDE)
                d_re, d_im = d_re * q_re - d_im * q_im, d_re * q_im + d_im * q_re
                _add_powers(sums, at, d_re, d_im, w_re, w_im, v_re, v_im)
                d_re, d_im = d_im * r_im - d_re * r_re, -(d_re * r_im + d_im * r_re)
                _add_powers(sums, at + 3 * WIDE, d_re, d_im, w_re, w_im, v_re, v_im)
                q_re, q_im = q_re * r_re - q_im * r_im, q_re * r_im + q_im * r_re
        for n in range(6 * sections):
            slope[r, piece % in_row, n] = total(load(sums, WIDE * n))


@inner
def _add_powers(sums: np.ndarray, at: int, d_re: Any, d_im: Any, w_re: Any, w_im: Any, v_re: Any, v_im: Any) -> None:
    """Add the real parts of d, d w and d w^2 to three vectors."""
    store(sums, at, load(sums, at) + d_re)
    store(sums, at + WIDE, load(sums, at + WIDE) + d_re * w_re - d_im * w_im)
    store(sums, at + 2 * WIDE, load(sums, at + 2 * WIDE) + d_re * v_re - d_im * v_im)
