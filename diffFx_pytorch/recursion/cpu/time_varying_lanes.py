"""Cascades with time-varying coefficients, eight rows side by side: bound by reading the coefficients.

Rows may share their coefficients: then the lanes read the same memory, once. Sections are either biquads in transposed
direct form 2 [b0 b1 b2 a0 a1 a2] or state variable sections [g r h b l], told by their number of coefficients.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import SIDE as ROWS
from diffFx_pytorch.kernels.vector import any_of, constant, load, store

from .biquad_tile import BLOCK, audible
from .row_tiles import read_tile, write_tile

STEPS = 8
"""Samples a tile: the coefficients of a long cascade still stay in the second-level cache."""

AHEAD = 4096
"""Bytes by which coefficients are asked for before they are needed; less than two tiles is too late."""


@njit(**INNER)
def _over_a0(coef, count):  # pragma: no cover
    """Divide ``count`` sections b0 b1 b2 a0 a1 a2, ROWS numbers each, by their a0, where any of it is not 1."""
    for at in range(0, count * 6 * ROWS, 6 * ROWS):
        a0 = load(coef, at + 3 * ROWS)
        if any_of(a0 != 1.0):
            scale = 1.0 / a0
            for i in (0, 1, 2, 4, 5):
                place = at + i * ROWS
                store(coef, place, load(coef, place) * scale)


@njit(**INNER)
def _direct_section(signal, coef, stride, state, count, threshold):  # pragma: no cover
    """Run a biquad over ``count`` samples of ``signal``, in place; coefficients stand ``stride`` apart.

    The next output's sum is checkpoints open by its last term, so that one multiply-add separates successive outputs.
    """
    p, q = load(state, 0), load(state, ROWS)
    y1 = y2 = old_a1 = old_a2 = older_a2 = constant(signal, 0.0)
    for n in range(count):
        at = n * stride
        b0, b1, b2 = load(coef, at), load(coef, at + ROWS), load(coef, at + 2 * ROWS)
        x = load(signal, n * ROWS)
        y = (b0 * x + p) - older_a2 * y2 - old_a1 * y1
        p, q = b1 * x + q, b2 * x
        older_a2, old_a1, old_a2 = old_a2, load(coef, at + 4 * ROWS), load(coef, at + 5 * ROWS)
        y1, y2 = y, y1
        store(signal, n * ROWS, y)
    store(state, 0, audible(p - older_a2 * y2 - old_a1 * y1, threshold))
    store(state, ROWS, audible(q - old_a2 * y1, threshold))


@njit(**INNER)
def _variable_section(signal, coef, stride, state, count, threshold):  # pragma: no cover
    """As `_direct_section`, a state variable section.

    With n1, n2 the states to come, 2 v1 = s1 + n1 and 2 v2 = s2 + n2.
    """
    s1, s2 = load(state, 0), load(state, ROWS)
    for n in range(count):
        at = n * stride
        g, r, h = load(coef, at), load(coef, at + ROWS), load(coef, at + 2 * ROWS)
        b, low = load(coef, at + 3 * ROWS), load(coef, at + 4 * ROWS)
        x = load(signal, n * ROWS)
        d2 = 2.0 / (g * (g + r) + 1.0)
        p = d2 * g
        u = x - s2
        n1 = p * u + (d2 - 1.0) * s1
        n2 = (p * g) * u + (p * s1 + s2)
        y = (0.5 * (b - r * h)) * (s1 + n1) + h * x
        store(signal, n * ROWS, (0.5 * (low - h)) * (s2 + n2) + y)
        s1, s2 = n1, n2
    store(state, 0, audible(s1, threshold))
    store(state, ROWS, audible(s2, threshold))


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
def forward(start, stop, x, coef, rows, zi, denormal_threshold, y, zf, checkpoints):
    """Filter the groups ``start`` to ``stop - 1`` of ROWS rows.

    Args:
        start: first group.
        stop: one past the last group.
        x: (R, T) float32 or float64.
        coef: (Q, T, K, 6 or 5), or (Q, 1, K, 6 or 5) for constant ones, float32 or float64.
        rows: (R,) int64, the coefficients that each row uses.
        zi: (R, K, 2) float64.
        denormal_threshold: states below this become 0 at the end of a few samples.
        y: (R, T), receives the output.
        zf: (R, K, 2) float64, receives the last states.
        checkpoints: (R, tiles, K, 2) float64, receives the states before each tile of BLOCK samples, or (R, 0, K, 2).
    """
    R, T = x.shape
    length, K, width = coef.shape[1:]
    per = K * width
    step = 0 if length == 1 and T > 1 else 1  # of the coefficients, from sample to sample
    tile, state = np.empty(STEPS * ROWS), np.empty(2 * K * ROWS)
    tile_coef = np.empty(STEPS * per * ROWS)
    places, coef_places = np.empty(ROWS, np.int64), np.empty(ROWS, np.int64)
    next_tile, ahead = tile.size // ROWS, AHEAD // coef.itemsize
    for group in range(start, stop):
        for lane in range(ROWS):  # those beyond the last row repeat it
            row = min(group * ROWS + lane, R - 1)
            for n in range(2 * K):
                state[n * ROWS + lane] = zi[row, n // 2, n % 2]
        for first in range(0, T, STEPS):
            count = min(STEPS, T - first)
            for lane in range(ROWS):
                row = min(group * ROWS + lane, R - 1)
                places[lane] = row * T + first
                coef_places[lane] = (rows[row] * length + first * step) * per
                if first % BLOCK == 0 and checkpoints.shape[1] > 0:
                    for n in range(2 * K):
                        checkpoints[row, first // BLOCK, n // 2, n % 2] = state[n * ROWS + lane]
            read_tile(x, places, count, tile, ROWS, next_tile)
            if step == 1 or first == 0:
                known = count if step == 1 else 1
                read_tile(coef, coef_places, known * per, tile_coef, ROWS, ahead)
                if width == 6:
                    _over_a0(tile_coef, known * K)
            for k in range(K):
                c, s = tile_coef[k * width * ROWS :], state[k * 2 * ROWS :]
                if width == 6:
                    _direct_section(tile, c, step * per * ROWS, s, count, denormal_threshold)
                else:
                    _variable_section(tile, c, step * per * ROWS, s, count, denormal_threshold)
            write_tile(y, places, count, tile, ROWS, next_tile)
        for lane in range(min(ROWS, R - group * ROWS)):
            for n in range(2 * K):
                zf[group * ROWS + lane, n // 2, n % 2] = state[n * ROWS + lane]
