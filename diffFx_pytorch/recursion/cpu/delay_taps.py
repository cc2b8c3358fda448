"""Taps of a fractional delay for a block of samples: where to read, and with what weights."""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.dsp.interpolation import POINTS, interpolation_table
from diffFx_pytorch.kernels import njit
from diffFx_pytorch.recursion.cpu.inner import INNER

BLOCK = 128  # samples whose weights are computed together
SHORT, LONG = 4, 12  # numbers of powers the kernels know; tables are padded to one of them


def kernel_tables(interpolation: str) -> tuple[np.ndarray, np.ndarray]:
    """Tables (P/2, powers, P) of the weights and of their derivatives, padded for the kernels."""
    table = interpolation_table("linear" if interpolation == "allpass" else interpolation)
    powers = SHORT if table.shape[1] <= SHORT else LONG
    weights = np.zeros((table.shape[0], powers, POINTS[interpolation]))
    weights[:, : table.shape[1]] = table
    slopes = np.zeros_like(weights)
    slopes[:, : powers - 1] = weights[:, 1:] * np.arange(1, powers)[:, None]
    return weights, slopes


@njit(**INNER)
def same_until(values, first, stop):  # pragma: no cover
    """Where the stretch of equal values from ``first`` on ends, looking eight at a time."""
    value = values[first]
    end = first + 1
    while end + 8 <= stop:
        part = values[end : end + 8]
        different = np.int64(0)
        for i in range(8):
            different |= part[i] ^ value
        if different != 0:
            break
        end += 8
    while end < stop and values[end] == value:
        end += 1
    return end


@njit(**INNER)
def split_block(delay, t0, count, youngest, limit, most, allpass, whole, fraction, half):  # pragma: no cover
    """Fill ``whole``, ``fraction``, ``half`` for samples ``t0 ..``; False if a delay is out of range (or NaN)."""
    illegal = 0
    offset = 0.5 if allpass else 0.0
    low = np.float64(youngest)
    given = delay[t0 : t0 + count]
    for i in range(count):
        d = np.float64(given[i])
        illegal += 0 if (d >= low) & (d <= limit) else 1
        d = d if d >= low else low
        d = d if d <= limit else limit
        k = np.int64(d - offset)
        k = k if k > youngest else youngest
        whole[i] = k
        fraction[i] = d - k
        t = k + 1 - youngest
        half[i] = t if t < most else most
    return illegal == 0


@njit(**INNER)
def _cubic(c, f, out):  # pragma: no cover
    c0, c1, c2, c3 = c[0], c[1], c[2], c[3]
    for i in range(out.shape[0]):
        out[i] = ((c3 * f[i] + c2) * f[i] + c1) * f[i] + c0


@njit(**INNER)
def _power_eleven(c, f, out):  # pragma: no cover
    # All coefficients in registers: one pass over the fractions.
    c0, c1, c2, c3, c4, c5 = c[0], c[1], c[2], c[3], c[4], c[5]
    c6, c7, c8, c9, c10, c11 = c[6], c[7], c[8], c[9], c[10], c[11]
    for i in range(out.shape[0]):
        z = f[i]
        high = ((((c11 * z + c10) * z + c9) * z + c8) * z + c7) * z + c6
        out[i] = (((((high * z + c5) * z + c4) * z + c3) * z + c2) * z + c1) * z + c0


@njit(**INNER)
def fill_weights(table, fraction, half, count, weights):  # pragma: no cover
    """``weights[p, i] = sum_m table[half[i] - 1, m, p] fraction[i]^m``, all samples of a pass in SIMD lanes."""
    i0 = 0
    while i0 < count:
        t = half[i0]
        i1 = same_until(half, i0, count)
        f = fraction[i0:i1]
        for p in range(2 * t):
            if table.shape[1] == SHORT:
                _cubic(table[t - 1, :, p], f, weights[p, i0:i1])
            else:
                _power_eleven(table[t - 1, :, p], f, weights[p, i0:i1])
        i0 = i1


@njit(**INNER)
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


@njit(**INNER)
def read_taps(line, base, weights, first, count, taps, out):  # pragma: no cover
    """``out[first + i] = sum_p weights[p, first + i] line[base + p + i]``, ``i < count``."""
    target = out[first : first + count]
    for p in range(0, taps, 2):
        w0 = weights[p, first : first + count]
        w1 = weights[p + 1, first : first + count]
        source = line[base + p : base + p + count + 1]
        if p == 0:
            for i in range(count):
                target[i] = w0[i] * np.float64(source[i]) + w1[i] * np.float64(source[i + 1])
        else:
            for i in range(count):
                target[i] += w0[i] * np.float64(source[i]) + w1[i] * np.float64(source[i + 1])


@njit(**INNER)
def read_one(line, base, weights, at, taps):  # pragma: no cover
    """One sample of :func:`read_taps`; what lies before the line is silence."""
    total = 0.0
    for p in range(max(0, -base), taps):
        total += weights[p, at] * line[base + p]
    return total


@njit(**INNER)
def add_taps(line, base, weights, first, count, taps, values):  # pragma: no cover
    """The transpose of :func:`read_taps`: ``line[base + p + i] += weights[p, first + i] values[first + i]``."""
    source = values[first : first + count]
    for p in range(0, taps, 2):
        w0 = weights[p, first : first + count]
        w1 = weights[p + 1, first : first + count]
        # Two taps a pass: adding to what the pass before has just stored, one sample off, stalls the load.
        target = line[base + p : base + p + count + 1]
        target[0] += w0[0] * source[0]
        for i in range(1, count):
            target[i] += w0[i] * source[i] + w1[i - 1] * source[i - 1]
        target[count] += w1[count - 1] * source[count - 1]


@njit(**INNER)
def copy_range(source, s0, target, t0, count):  # pragma: no cover
    """``target[t0 + i] = source[s0 + i]``, ``i < count``."""
    a = source[s0 : s0 + count]
    b = target[t0 : t0 + count]
    for i in range(count):
        b[i] = a[i]


@njit(**INNER)
def fill_all(target, value):  # pragma: no cover
    """``target[:] = value``; the assignment itself would compile its error messages too."""
    for i in range(target.shape[0]):
        target[i] = value
