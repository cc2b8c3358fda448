"""Numba kernels of second-order sections on a circle, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffFx_pytorch.kernels.vector import constant, load, load_wide_pairs, spread, store, store_pairs, total

from .spectra import PIECE, aligned, get, inner, jit, put, tile_of, times

WIDE = 8
"""Points side by side: a vector of float64."""


@jit
def sos_pieces(start, stop, sos, w, response):
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
            here = load_wide_pairs(w, 2 * k)
            re, im = constant(w, 1.0), constant(w, 0.0)
            for s in range(sections):
                re, im = times((re, im), _section(c, 6 * s, here)[0])
            if k + WIDE <= points:
                store_pairs(row, 2 * k, re, im)
            else:
                store_pairs(spare, 0, re, im)
                row[2 * k :] = spare[: 2 * (points - k)]


@inner
def _section(c: np.ndarray, at: int, w: Any) -> Any:
    """The ratio b / a of the section at ``c[at]``, and 1 / a."""
    w_re, w_im = w
    v_re, v_im = w_re * w_re - w_im * w_im, (w_re + w_re) * w_im
    b0, b1, b2 = spread(c, at), spread(c, at + 1), spread(c, at + 2)
    a0, a1, a2 = spread(c, at + 3), spread(c, at + 4), spread(c, at + 5)
    a_re, a_im = a0 + a1 * w_re + a2 * v_re, a1 * w_im + a2 * v_im
    scale = 1.0 / (a_re * a_re + a_im * a_im)
    inverse = a_re * scale, -(a_im * scale)
    return times((b0 + b1 * w_re + b2 * v_re, b1 * w_im + b2 * v_im), inverse), inverse


@jit
def sos_slope_pieces(start, stop, grad, sos, w, slope):
    """Gradients to sections, summed over each piece.

    The gradient to b_n is the product of the other sections over a, times w^n; that to a_n is the same times -b / a.
    The product of the other sections is that of those before it times that of those after it: dividing the whole by one
    section would be 0 / 0 at its zeros.

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
    parts = tile_of(2 * sections, sos)
    spare = np.zeros(2 * WIDE, grad.dtype)  # only the last vector of a row is not full, and its rest stays 0
    for piece in range(start, stop):
        r, first = piece // in_row, piece % in_row * PIECE
        g, c = grad[r], sos[r]
        sums[:] = 0.0
        for k in range(first, min(points, first + PIECE), WIDE):
            here = load_wide_pairs(w, 2 * k)
            # conj(grad) times the product of the sections before each section.
            if k + WIDE <= points:
                re, im = load_wide_pairs(g, 2 * k)
            else:
                spare[: 2 * (points - k)] = g[2 * k :]
                re, im = load_wide_pairs(spare, 0)
            before = re, -im
            for s in range(sections):
                ratio, inverse = _section(c, 6 * s, here)
                put(parts, 2 * s, ratio)
                put(parts, 2 * s + 1, times(before, inverse))
                before = times(before, ratio)
            after = constant(w, 1.0), constant(w, 0.0)
            for s in range(sections - 1, -1, -1):
                ratio = get(parts, 2 * s)
                to_b = times(get(parts, 2 * s + 1), after)
                _add_powers(sums, 6 * WIDE * s, to_b, here)
                re, im = times(to_b, ratio)
                _add_powers(sums, 6 * WIDE * s + 3 * WIDE, (-re, -im), here)
                after = times(after, ratio)
        for n in range(6 * sections):
            slope[r, piece % in_row, n] = total(load(sums, WIDE * n))


@inner
def _add_powers(sums: np.ndarray, at: int, d: Any, w: Any) -> None:
    """Add the real parts of d, d w and d w^2 to three vectors."""
    (d_re, d_im), (w_re, w_im) = d, w
    v_re, v_im = w_re * w_re - w_im * w_im, (w_re + w_re) * w_im
    store(sums, at, load(sums, at) + d_re)
    store(sums, at + WIDE, load(sums, at + WIDE) + d_re * w_re - d_im * w_im)
    store(sums, at + 2 * WIDE, load(sums, at + 2 * WIDE) + d_re * v_re - d_im * v_im)
