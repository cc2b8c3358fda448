"""Numba kernels of delays on a circle: rotations in float64, restarted from an exact phase in every piece."""

from __future__ import annotations

import math

import numpy as np

from diffFx_pytorch.kernels.vector import constant, load, load_wide_pairs, store_pairs, total

from .spectra import PIECE, aligned, jit, times

WIDE = 8
"""Points side by side: a vector of float64."""


@jit
def delay_rows(start, stop, whole, fraction, nfft, log_gamma, response):
    """Rows ``start`` to ``stop - 1`` of z^-(whole + fraction) on the upper half of a circle.

    Args:
        start: first row.
        stop: the row after the last.
        whole: (R,) int64, any.
        fraction: (R,) float64.
        nfft: points of the whole circle.
        log_gamma: minus the logarithm of its radius.
        response: (R, 2 M), written.
    """
    points = response.shape[1] // 2
    offsets, spare = aligned(2 * WIDE, fraction), np.empty(2 * WIDE, response.dtype)
    for r in range(start, stop):
        m, f = whole[r] % nfft, fraction[r]
        decay = math.exp((whole[r] + f) * log_gamma)
        for q in range(WIDE):
            offsets[q], offsets[WIDE + q] = _turned(m, f, q, nfft)
        lanes = load(offsets, 0), load(offsets, WIDE)
        c, s = _turned(m, f, WIDE, nfft)
        step = constant(offsets, c), constant(offsets, s)
        row = response[r]
        for first in range(0, points, PIECE):
            c, s = _turned(m, f, first, nfft)
            re, im = times(lanes, (constant(offsets, c * decay), constant(offsets, s * decay)))
            for k in range(first, min(points, first + PIECE), WIDE):
                if k + WIDE <= points:
                    store_pairs(row, 2 * k, re, im)
                else:
                    store_pairs(spare, 0, re, im)
                    row[2 * k :] = spare[: 2 * (points - k)]
                re, im = times((re, im), step)


@jit
def _turned(m, f, k, nfft):
    """exp(-2 pi j k (m + f) / nfft), with whole turns of the whole part taken off before it becomes an angle."""
    angle = -2.0 * math.pi * ((m * k % nfft) + f * k) / nfft
    return math.cos(angle), math.sin(angle)


@jit
def delay_slope_rows(start, stop, grad, response, nfft, log_gamma, slope):
    """Gradients to delays: the sum over points of Re(conj(grad) (-ln z) response).

    Args:
        start: first row.
        stop: the row after the last.
        grad: (R, 2 M).
        response: (R, 2 M).
        nfft: points of the whole circle.
        log_gamma: minus the logarithm of its radius.
        slope: (R, 1) float64, written.
    """
    points = response.shape[1] // 2
    ramp = np.arange(WIDE).astype(np.float64)
    for r in range(start, stop):
        g, h = grad[r], response[r]
        k_lanes, advance = load(ramp, 0), constant(ramp, WIDE)
        along, across = constant(ramp, 0.0), constant(ramp, 0.0)
        whole = points // WIDE * WIDE
        for k in range(0, whole, WIDE):
            g_re, g_im = load_wide_pairs(g, 2 * k)
            h_re, h_im = load_wide_pairs(h, 2 * k)
            along += g_re * h_re + g_im * h_im
            across += k_lanes * (g_re * h_im - g_im * h_re)
            k_lanes += advance
        level, bend = total(along), total(across)
        for k in range(whole, points):
            g_r, g_i, h_r, h_i = g[2 * k], g[2 * k + 1], h[2 * k], h[2 * k + 1]
            level += g_r * h_r + g_i * h_i
            bend += k * (g_r * h_i - g_i * h_r)
        slope[r, 0] = log_gamma * level + 2.0 * math.pi / nfft * bend
