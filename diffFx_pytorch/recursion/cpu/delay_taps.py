"""Taps of a fractional delay for a block of samples: where to read, and with what weights."""

from __future__ import annotations

import numpy as np
from numba import njit

from diffFx_pytorch.dsp.interpolation import POINTS, interpolation_table

BLOCK = 128  # samples whose weights are computed together
UNROLL = 4  # powers of the fraction a pass of Horner's rule takes; tables are padded to a multiple of it


def kernel_tables(interpolation: str) -> tuple[np.ndarray, np.ndarray]:
    """Tables (P/2, powers, P) of the weights and of their derivatives, padded for the kernels."""
    table = interpolation_table("linear" if interpolation == "allpass" else interpolation)
    powers = -(-table.shape[1] // UNROLL) * UNROLL
    weights = np.zeros((table.shape[0], powers, POINTS[interpolation]))
    weights[:, : table.shape[1]] = table
    slopes = np.zeros_like(weights)
    slopes[:, : powers - 1] = weights[:, 1:] * np.arange(1, powers)[:, None]
    return weights, slopes


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, boundscheck=False, error_model="numpy")
def split_block(delay, t0, count, youngest, limit, most, allpass, whole, fraction, half):  # pragma: no cover
    """Fill ``whole``, ``fraction``, ``half`` for samples ``t0 ..``; False if a delay is out of range (or NaN)."""
    good = True
    offset = 0.5 if allpass else 0.0
    low = np.float64(youngest)
    for i in range(count):
        d = np.float64(delay[t0 + i])
        good &= (d >= low) & (d <= limit)
        d = d if d >= low else low
        d = d if d <= limit else limit
        k = max(np.int64(d - offset), youngest)
        whole[i] = k
        fraction[i] = d - k
        half[i] = min(max(k + 1 - youngest, 1), most)
    return good


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, boundscheck=False, error_model="numpy")
def fill_weights(table, fraction, half, count, weights):  # pragma: no cover
    """``weights[p, i] = sum_m table[half[i] - 1, m, p] fraction[i]^m``, all samples of a pass in SIMD lanes."""
    i0 = 0
    while i0 < count:
        t = half[i0]
        i1 = i0 + 1
        while i1 < count and half[i1] == t:
            i1 += 1
        f = fraction[i0:i1]
        for p in range(2 * t):
            row = weights[p, i0:i1]
            top = table.shape[1] - UNROLL
            c0, c1, c2, c3 = table[t - 1, top, p], table[t - 1, top + 1, p], table[t - 1, top + 2, p], 0.0
            c3 = table[t - 1, top + 3, p]
            for i in range(i1 - i0):
                row[i] = ((c3 * f[i] + c2) * f[i] + c1) * f[i] + c0
            while top > 0:
                top -= UNROLL
                c0 = table[t - 1, top, p]
                c1 = table[t - 1, top + 1, p]
                c2 = table[t - 1, top + 2, p]
                c3 = table[t - 1, top + 3, p]
                for i in range(i1 - i0):
                    row[i] = (((row[i] * f[i] + c3) * f[i] + c2) * f[i] + c1) * f[i] + c0
        i0 = i1


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, boundscheck=False, error_model="numpy")
def fill_allpass(fraction, count, weights, poles, slopes, with_slopes):  # pragma: no cover
    """``v[n] = eta w[n-k] + w[n-k-1] - eta v[n-1]``, ``eta = (1 - f) / (1 + f)``; linear where ``f < 1/2``.

    ``poles`` receives ``eta`` (0 where linear); ``slopes`` the derivatives to ``f`` of the two weights and the pole.
    """
    for i in range(count):
        f = fraction[i]
        eta = (1.0 - f) / (1.0 + f)
        linear = f < 0.5
        poles[i] = 0.0 if linear else eta
        weights[0, i] = f if linear else 1.0
        weights[1, i] = 1.0 - f if linear else eta
        if with_slopes:
            slope = -2.0 / ((1.0 + f) * (1.0 + f))
            slopes[0, i] = 1.0 if linear else 0.0
            slopes[1, i] = -1.0 if linear else slope
            slopes[2, i] = 0.0 if linear else slope


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, boundscheck=False, error_model="numpy")
def read_taps(line, base, weights, first, stop, taps, out):  # pragma: no cover
    """``out[i] = sum_p weights[p, i] line[base + p + i - first]``: every sample reads one further than the last."""
    count = stop - first
    if count < 4:
        for i in range(count):
            total = 0.0
            for p in range(taps):
                total += weights[p, first + i] * line[base + i + p]
            out[first + i] = total
        return
    target = out[first:stop]
    for p in range(0, taps, 2):
        w0 = weights[p, first:stop]
        w1 = weights[p + 1, first:stop]
        source = line[base + p : base + p + count + 1]
        if p == 0:
            for i in range(count):
                target[i] = w0[i] * np.float64(source[i]) + w1[i] * np.float64(source[i + 1])
        else:
            for i in range(count):
                target[i] += w0[i] * np.float64(source[i]) + w1[i] * np.float64(source[i + 1])


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, boundscheck=False, error_model="numpy")
def add_taps(line, base, weights, first, stop, taps, values):  # pragma: no cover
    """The transpose of :func:`read_taps`: ``line[base + p + i - first] += weights[p, i] values[i]``."""
    count = stop - first
    for p in range(taps):
        w = weights[p, first:stop]
        target = line[base + p : base + p + count]
        source = values[first:stop]
        for i in range(count):
            target[i] += w[i] * source[i]
