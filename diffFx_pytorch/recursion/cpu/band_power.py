"""Mean power in bands of constant state variable filters, eight rows side by side.

A band-pass is r v1 of a section [g, r, 0, r, 0] (`svf`), with a gain of 1 at its centre.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import SIDE, load, store

from .grouped_rows import AHEAD, TILE, find_heads, gather, scatter, silence, write_sums
from .row_tiles import read_tile, write_tile


@njit(**INNER)
def _power_tile(tile, count, coef, state, inner):  # pragma: no cover
    """Power in the band, in place; ``inner`` receives x - v2, v1 and the power before of each sample, if not empty."""
    g, r, c = load(coef, 0), load(coef, SIDE), load(coef, 2 * SIDE)
    s1, s2, power = load(state, 0), load(state, SIDE), load(state, 2 * SIDE)
    d2 = 2.0 / (g * (g + r) + 1.0)
    q0, q1, q2, half, rest = d2 - 1.0, d2 * g, d2 * g * g, 0.5 * r, 1.0 - c
    for i in range(0, count * SIDE, SIDE):
        x = load(tile, i)
        u = x - s2
        n1 = q1 * u + q0 * s1
        n2 = q2 * u + (q1 * s1 + s2)
        band = half * (s1 + n1)
        if inner.size > 0:
            store(inner, 3 * i, x - 0.5 * (s2 + n2))
            store(inner, 3 * i + SIDE, 0.5 * (s1 + n1))
            store(inner, 3 * i + 2 * SIDE, power)
        power = c * power + (rest * band) * band
        store(tile, i, power)
        s1, s2 = n1, n2
    store(state, 0, s1)
    store(state, SIDE, s2)
    store(state, 2 * SIDE, power)


@njit(**INNER)
def _power_tile_adjoint(signal, count, coef, state, inner, sums):  # pragma: no cover
    g, r, c = load(coef, 0), load(coef, SIDE), load(coef, 2 * SIDE)
    p1, p2, carried = load(state, 0), load(state, SIDE), load(state, 2 * SIDE)
    sg, sr, sc = load(sums, 0), load(sums, SIDE), load(sums, 2 * SIDE)
    d2 = 2.0 / (g * (g + r) + 1.0)
    half, twice = 0.5 * r, 2.0 * (1.0 - c)
    for i in range((count - 1) * SIDE, -1, -SIDE):
        rest, v1, power = load(inner, 3 * i), load(inner, 3 * i + SIDE), load(inner, 3 * i + 2 * SIDE)
        grad = load(signal, i) + carried
        band = r * v1
        sc = grad * (power - band * band) + sc
        carried = c * grad
        gy = (twice * grad) * band
        e = d2 * (g * p2 + (half * gy + p1))
        gx = g * e
        sg = sg + (2.0 * p2 * v1 + e * (rest - (g + r) * v1))
        sr = sr + v1 * (gy - gx)
        p1, p2 = e - p1, p2 - gx
        store(signal, i, gx)
    store(state, 0, p1)
    store(state, SIDE, p2)
    store(state, 2 * SIDE, carried)
    store(sums, 0, sg)
    store(sums, SIDE, sr)
    store(sums, 2 * SIDE, sc)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
def power_forward(start, stop, x, x_row, coef, coef_row, zi, zi_row, threshold, power, zf, checkpoints):
    """Mean power in a band, groups ``start`` to ``stop - 1`` of eight rows.

    Args:
        start: first group.
        stop: one past the last.
        x: (., T); output row r reads row x_row[r] of it, and so on.
        x_row: (R,) int64.
        coef: (., 3) float64, g, r and the smoothing coefficient of the mean.
        coef_row: (R,) int64.
        zi: (., 3) float64, s1, s2 and the power before.
        zi_row: (R,) int64.
        threshold: states below this become 0 at the end of a tile.
        power: (R, T), receives the power.
        zf: (R, 3) float64, receives the last states.
        checkpoints: (R, tiles, 3), receives the states before each tile, or (R, 0, 3).
    """
    R, T = power.shape
    tile, own, state = np.empty(TILE * SIDE), np.empty(3 * SIDE), np.empty(3 * SIDE)
    places, into = np.empty(SIDE, np.int64), np.empty(SIDE, np.int64)
    rows, of = np.empty(SIDE, np.int64), np.empty(SIDE, np.int64)
    nothing = np.empty(0)
    for group in range(start, stop):
        valid = min(SIDE, R - group * SIDE)
        for lane in range(SIDE):
            rows[lane] = group * SIDE + min(lane, valid - 1)
            of[lane] = coef_row[rows[lane]]
        gather(coef, of, 3, own)
        for lane in range(SIDE):
            of[lane] = zi_row[rows[lane]]
        gather(zi, of, 3, state)
        for first in range(0, T, TILE):
            count = min(TILE, T - first)
            for lane in range(SIDE):
                places[lane], into[lane] = x_row[rows[lane]] * T + first, rows[lane] * T + first
                if checkpoints.shape[1] > 0:
                    for n in range(3):
                        checkpoints[rows[lane], first // TILE, n] = state[n * SIDE + lane]
            read_tile(x, places, count, tile, SIDE, AHEAD)
            _power_tile(tile, count, own, state, nothing)
            write_tile(power, into, count, tile, SIDE, AHEAD)
            silence(state, threshold)
        scatter(state, rows, valid, 3, zf)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
def power_backward(start, stop, width, grad, gzf, x, x_row, coef, threshold, checkpoints, gx, gcoef, gzi):
    """The adjoint of ``power_forward``, ``width`` rows a group.

    ``gx`` is of each of the R rows, or of those of ``x`` where groups hold all rows that read one.
    """
    R, T = grad.shape
    together = gx.shape[0] != R
    tile, own, state = np.empty(TILE * SIDE), np.empty(3 * SIDE), np.empty(3 * SIDE)
    inner, sums, adjoint = np.empty(3 * TILE * SIDE), np.empty(3 * SIDE), np.empty(3 * SIDE)
    places, into = np.empty(SIDE, np.int64), np.empty(SIDE, np.int64)
    rows = np.empty(SIDE, np.int64)
    heads, scratch = np.empty(SIDE, np.int64), np.empty(TILE * SIDE)
    for group in range(start, stop):
        valid = min(width, R - group * width)
        for lane in range(SIDE):
            rows[lane] = group * width + min(lane, valid - 1)
        gather(coef, rows, 3, own)
        gather(gzf, rows, 3, adjoint)
        find_heads(x_row, rows, heads)
        sums[:] = 0.0
        for number in range((T - 1) // TILE, -1, -1):
            first = number * TILE
            count = min(TILE, T - first)
            for lane in range(SIDE):
                places[lane], into[lane] = x_row[rows[lane]] * T + first, rows[lane] * T + first
                for n in range(3):
                    state[n * SIDE + lane] = checkpoints[rows[lane], number, n]
            read_tile(x, places, count, tile, SIDE, -AHEAD)
            _power_tile(tile, count, own, state, inner)
            read_tile(grad, into, count, tile, SIDE, -AHEAD)
            _power_tile_adjoint(tile, count, own, adjoint, inner, sums)
            if together:
                write_sums(gx, places, count, tile, valid, heads, scratch)
            else:
                write_tile(gx, into, count, tile, SIDE, -AHEAD)
            silence(adjoint, threshold)
        scatter(sums, rows, valid, 3, gcoef)
        scatter(adjoint, rows, valid, 3, gzi)
