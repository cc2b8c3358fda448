"""Peaks in series whose poles stand still while their gains move, eight rows side by side.

The band-pass of a peak is r v1 of a section [g, r, 0, r, 0] (`svf`), with a gain of 1 at its centre.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import SIDE, load, store

from .exponential import exponential
from .grouped_rows import AHEAD, TILE, find_heads, gather, scatter, silence, write_sums
from .row_tiles import read_tile, write_tile


@njit(**INNER)
def _peak_tile(source, target, count, coef, state, control, inner):  # pragma: no cover
    """Raise a band by the gain exp(reach control); ``inner`` receives x - v2, v1 and that gain, if not empty."""
    g, r, reach = load(coef, 0), load(coef, SIDE), load(coef, 2 * SIDE)
    s1, s2 = load(state, 0), load(state, SIDE)
    d2 = 2.0 / (g * (g + r) + 1.0)
    q0, q1, q2, half = d2 - 1.0, d2 * g, d2 * g * g, 0.5 * r
    for i in range(0, count * SIDE, SIDE):
        gain = exponential(reach * load(control, i))
        x = load(source, i)
        u = x - s2
        n1 = q1 * u + q0 * s1
        n2 = q2 * u + (q1 * s1 + s2)
        if inner.size > 0:
            store(inner, 3 * i, x - 0.5 * (s2 + n2))
            store(inner, 3 * i + SIDE, 0.5 * (s1 + n1))
            store(inner, 3 * i + 2 * SIDE, gain)
        store(target, i, ((gain - 1.0) * half) * (s1 + n1) + x)
        s1, s2 = n1, n2
    store(state, 0, s1)
    store(state, SIDE, s2)


@njit(**INNER)
def _peak_tile_adjoint(signal, control, count, coef, state, inner, sums):  # pragma: no cover
    """``signal`` becomes the gradient of the input, ``control`` that of the control."""
    g, r, reach = load(coef, 0), load(coef, SIDE), load(coef, 2 * SIDE)
    p1, p2 = load(state, 0), load(state, SIDE)
    sg, sr, sc = load(sums, 0), load(sums, SIDE), load(sums, 2 * SIDE)
    d2 = 2.0 / (g * (g + r) + 1.0)
    half = 0.5 * r
    for i in range((count - 1) * SIDE, -1, -SIDE):
        rest, v1, gain = load(inner, 3 * i), load(inner, 3 * i + SIDE), load(inner, 3 * i + 2 * SIDE)
        gy = load(signal, i)
        e = d2 * (g * p2 + (((gain - 1.0) * half) * gy + p1))
        fed = g * e
        gx = gy + fed
        sg = sg + (2.0 * p2 * v1 + e * (rest - (g + r) * v1))
        sr = sr + v1 * (gain * gy - gx)
        p1, p2 = e - p1, p2 - fed
        grad = (gy * v1) * (r * gain)
        sc = grad * load(control, i) + sc
        store(control, i, reach * grad)
        store(signal, i, gx)
    store(state, 0, p1)
    store(state, SIDE, p2)
    store(sums, 0, sg)
    store(sums, SIDE, sr)
    store(sums, 2 * SIDE, sc)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
def peaks_forward(
    start, stop, x, x_row, control, control_row, coef, coef_row, zi, zi_row, threshold, y, zf, checkpoints
):
    """Peaks in series whose gains move, groups ``start`` to ``stop - 1`` of eight rows.

    Args:
        start: first group.
        stop: one past the last.
        x: (., T); output row r reads row x_row[r] of it, and so on.
        x_row: (R,) int64.
        control: (., K, T), the part of its reach that each gain stands at.
        control_row: (R,) int64.
        coef: (., K, 3) float64, g, r and the reach in neper.
        coef_row: (R,) int64.
        zi: (., K, 2) float64.
        zi_row: (R,) int64.
        threshold: states below this become 0 at the end of a tile.
        y: (R, T), receives the output.
        zf: (R, K, 2) float64, receives the last states.
        checkpoints: (R, tiles, K, 2), receives the states before each tile, or (R, 0, K, 2).
    """
    R, T = y.shape
    K = coef.shape[1]
    tile, moved = np.empty(TILE * SIDE), np.empty(TILE * SIDE)
    own, state = np.empty(3 * K * SIDE), np.empty(2 * K * SIDE)
    places, rows, of = np.empty(SIDE, np.int64), np.empty(SIDE, np.int64), np.empty(SIDE, np.int64)
    nothing = np.empty(0)
    for group in range(start, stop):
        valid = min(SIDE, R - group * SIDE)
        for lane in range(SIDE):
            rows[lane] = group * SIDE + min(lane, valid - 1)
            of[lane] = coef_row[rows[lane]]
        gather(coef, of, 3 * K, own)
        for lane in range(SIDE):
            of[lane] = zi_row[rows[lane]]
        gather(zi, of, 2 * K, state)
        for first in range(0, T, TILE):
            count = min(TILE, T - first)
            for lane in range(SIDE):
                places[lane] = x_row[rows[lane]] * T + first
                if checkpoints.shape[1] > 0:
                    for n in range(2 * K):
                        checkpoints[rows[lane], first // TILE, n // 2, n % 2] = state[n * SIDE + lane]
            read_tile(x, places, count, tile, SIDE, AHEAD)
            for k in range(K):
                for lane in range(SIDE):
                    places[lane] = (control_row[rows[lane]] * K + k) * T + first
                read_tile(control, places, count, moved, SIDE, AHEAD)
                _peak_tile(tile, tile, count, own[3 * k * SIDE :], state[2 * k * SIDE :], moved, nothing)
            for lane in range(SIDE):
                places[lane] = rows[lane] * T + first
            write_tile(y, places, count, tile, SIDE, AHEAD)
            silence(state, threshold)
        scatter(state, rows, valid, 2 * K, zf)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
def peaks_backward(
    start, stop, width, gy, gzf, x, x_row, control, control_row, coef, threshold, checkpoints, gx, gcontrol, gcoef, gzi
):
    """The adjoint of ``peaks_forward``, ``width`` rows a group; ``gcontrol`` as ``gx`` of `power_backward`."""
    R, T = gx.shape
    together = gcontrol.shape[0] != R
    K, line = coef.shape[1], TILE * SIDE
    lines, moved, signal = np.empty((K + 1) * line), np.empty(K * line), np.empty(line)
    inner, own, sums = np.empty(3 * K * line), np.empty(3 * K * SIDE), np.empty(3 * K * SIDE)
    state, adjoint = np.empty(2 * K * SIDE), np.empty(2 * K * SIDE)
    places, rows = np.empty(SIDE, np.int64), np.empty(SIDE, np.int64)
    heads, scratch = np.empty(SIDE, np.int64), np.empty(TILE * SIDE)
    for group in range(start, stop):
        valid = min(width, R - group * width)
        for lane in range(SIDE):
            rows[lane] = group * width + min(lane, valid - 1)
        gather(coef, rows, 3 * K, own)
        gather(gzf, rows, 2 * K, adjoint)
        find_heads(control_row, rows, heads)
        sums[:] = 0.0
        for number in range((T - 1) // TILE, -1, -1):
            first = number * TILE
            count = min(TILE, T - first)
            for lane in range(SIDE):
                places[lane] = x_row[rows[lane]] * T + first
                for n in range(2 * K):
                    state[n * SIDE + lane] = checkpoints[rows[lane], number, n // 2, n % 2]
            read_tile(x, places, count, lines, SIDE, -AHEAD)
            for k in range(K):
                for lane in range(SIDE):
                    places[lane] = (control_row[rows[lane]] * K + k) * T + first
                part = moved[k * line :]
                read_tile(control, places, count, part, SIDE, -AHEAD)
                source, target = lines[k * line :], lines[(k + 1) * line :]
                kept = inner[3 * k * line :]
                _peak_tile(source, target, count, own[3 * k * SIDE :], state[2 * k * SIDE :], part, kept)
            for lane in range(SIDE):
                places[lane] = rows[lane] * T + first
            read_tile(gy, places, count, signal, SIDE, -AHEAD)
            for k in range(K - 1, -1, -1):
                part, kept = moved[k * line :], inner[3 * k * line :]
                c, s = own[3 * k * SIDE :], adjoint[2 * k * SIDE :]
                _peak_tile_adjoint(signal, part, count, c, s, kept, sums[3 * k * SIDE :])
                for lane in range(SIDE):
                    places[lane] = ((control_row[rows[lane]] if together else rows[lane]) * K + k) * T + first
                if together:
                    write_sums(gcontrol, places, count, part, valid, heads, scratch)
                else:
                    write_tile(gcontrol, places, count, part, SIDE, -AHEAD)
            for lane in range(SIDE):
                places[lane] = rows[lane] * T + first
            write_tile(gx, places, count, signal, SIDE, -AHEAD)
            silence(adjoint, threshold)
        scatter(sums, rows, valid, 3 * K, gcoef)
        scatter(adjoint, rows, valid, 2 * K, gzi)
