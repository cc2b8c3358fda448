"""Numba kernels of the overshoot of a compressor that listens to its own output."""

from __future__ import annotations

import math

import numpy as np

from diffFx_pytorch.kernels import njit


@njit(inline="always")
def _bent(v, width):  # pragma: no cover
    """What of a level over threshold counts, with a knee that is a parabola."""
    above = max(v + 0.5 * width, 0.0)
    inside = min(above, width)
    return inside * (above - 0.5 * inside) / width


@njit(inline="always")
def _knobs(knobs, t, moves, before, level):  # pragma: no cover
    """Width, slope and coefficient at a sample, and whether it is the attack's."""
    at = t if moves else 0
    W, m = np.float64(knobs[at, 0]), np.float64(knobs[at, 1])
    rises = _bent(level - m * before, W) >= before
    return W, m, np.float64(knobs[at, 2] if rises else knobs[at, 3]), rises


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def forward(start, stop, level, level_row, knobs, knobs_row, zi, zi_row, threshold, y, zf):  # pragma: no cover
    """Solve o = c o' + (1 - c) bent(L - m o) for o, sample after sample."""
    for row in range(start, stop):
        levels, all_knobs = level[level_row[row]], knobs[knobs_row[row]]
        moves = all_knobs.shape[0] > 1
        o = np.float64(zi[zi_row[row], 0])
        for t in range(y.shape[1]):
            L = np.float64(levels[t])
            W, m, c, _ = _knobs(all_knobs, t, moves, o, L)
            kept, new = c * o, 1.0 - c
            d = L + 0.5 * W - m * kept
            o = kept
            if d > 0.0:
                z = 2.0 * d / (1.0 + math.sqrt(1.0 + 2.0 * new * m * d / W))
                o = kept + new * z * z / (2.0 * W) if z <= W else (kept + new * L) / (1.0 + new * m)
            if o < threshold:
                o = 0.0
            y[row, t] = o
        zf[row, 0] = o


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def backward(
    start, stop, gy, gzf, level, level_row, knobs, knobs_row, zi, zi_row, y, _, glevel, gknobs, gzi
):  # pragma: no cover
    """The equation, differentiated where it is solved, backwards."""
    for row in range(start, stop):
        levels, all_knobs = level[level_row[row]], knobs[knobs_row[row]]
        moves = all_knobs.shape[0] > 1
        gknobs[row] = 0.0
        carry = np.float64(gzf[row, 0])
        for t in range(y.shape[1] - 1, -1, -1):
            before = np.float64(y[row, t - 1] if t > 0 else zi[zi_row[row], 0])
            o, L = np.float64(y[row, t]), np.float64(levels[t])
            W, m, c, rises = _knobs(all_knobs, t, moves, before, L)
            v = L - m * o
            inside = min(max(v + 0.5 * W, 0.0), W) / W
            g = (np.float64(gy[row, t]) + carry) / (1.0 + (1.0 - c) * m * inside)
            to_level = g * (1.0 - c) * inside
            carry = g * c
            glevel[row, t] = to_level
            at = t if moves else 0
            gknobs[row, at, 0] += 0.5 * to_level * (1.0 - inside)
            gknobs[row, at, 1] -= to_level * o
            gknobs[row, at, 2 if rises else 3] += g * (before - _bent(v, W))
        gzi[row, 0] = carry
