"""Taps of a fractional delay for a block of samples: where to read, and with what weights."""

from __future__ import annotations

import functools

import numpy as np
from numpy.polynomial import polynomial

from diffFx_pytorch.dsp.interpolation import interpolation_table
from diffFx_pytorch.kernels import njit
from diffFx_pytorch.recursion.cpu.inner import INNER
from diffFx_pytorch.recursion.cpu.tap_lanes import MARGIN, add_vectors, read_vectors, rounded_up

BLOCK = 128  # samples whose weights are computed together
ROOM = BLOCK + 2 * MARGIN  # columns of a buffer of weights, in which sample i of the block stands at MARGIN + i
INLINE = {**INNER, "forceinline": True}  # an array is seven arguments on the stack, and a stretch is short
LENGTHS = (4, 10, 12)  # numbers of powers the kernels know; tables are padded to one of them


@functools.cache
def kernel_tables(interpolation: str) -> tuple[np.ndarray, np.ndarray]:
    """Tables (P/2, P/2, powers) of the weights of the older half of the taps and of their derivatives.

    They are polynomials of ``z = f - 1/2``, about which every interpolator is symmetric: tap ``2 t - 1 - p`` weighs at
    ``z`` what tap ``p`` weighs at ``-z``, so the younger half costs one subtraction a tap.
    """
    table = interpolation_table("linear" if interpolation == "allpass" else interpolation)
    powers = next(n for n in LENGTHS if n >= table.shape[1])
    half = table.shape[0]
    weights = np.zeros((half, half, powers))
    for t in range(half):
        for p in range(t + 1):
            centred = polynomial.Polynomial(table[t, :, p])(polynomial.Polynomial([0.5, 1.0])).coef
            weights[t, p, : centred.size] = centred
    slopes = np.zeros_like(weights)
    slopes[..., : powers - 1] = weights[..., 1:] * np.arange(1, powers)
    return weights, slopes


@njit(**INNER)
def fill_all(target, value):  # pragma: no cover
    """``target[:] = value``; the assignment itself would compile its error messages too."""
    for i in range(target.shape[0]):
        target[i] = value


@njit(**INNER)
def copy_range(source, s0, target, t0, count):  # pragma: no cover
    """``target[t0 + i] = source[s0 + i]``, ``i < count``."""
    a = source[s0 : s0 + count]
    b = target[t0 : t0 + count]
    for i in range(count):
        b[i] = a[i]


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


@njit(**INLINE)
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
def _three(c, f, mirror, old, young):  # pragma: no cover
    c0, c1, c2, c3 = c[0], c[1], c[2], c[3]
    for i in range(old.shape[0]):
        z = f[i] - 0.5
        q = z * z
        even = c2 * q + c0
        odd = (c3 * q + c1) * z
        old[i] = even + odd
        young[i] = mirror * (even - odd)


@njit(**INNER)
def _nine(c, f, mirror, old, young):  # pragma: no cover
    c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 = c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9]
    for i in range(old.shape[0]):
        z = f[i] - 0.5
        q = z * z
        even = (((c8 * q + c6) * q + c4) * q + c2) * q + c0
        odd = ((((c9 * q + c7) * q + c5) * q + c3) * q + c1) * z
        old[i] = even + odd
        young[i] = mirror * (even - odd)


@njit(**INNER)
def _eleven(c, f, mirror, old, young):  # pragma: no cover
    c0, c1, c2, c3, c4, c5 = c[0], c[1], c[2], c[3], c[4], c[5]
    c6, c7, c8, c9, c10, c11 = c[6], c[7], c[8], c[9], c[10], c[11]
    for i in range(old.shape[0]):
        z = f[i] - 0.5
        q = z * z
        even = ((((c10 * q + c8) * q + c6) * q + c4) * q + c2) * q + c0
        odd = (((((c11 * q + c9) * q + c7) * q + c5) * q + c3) * q + c1) * z
        old[i] = even + odd
        young[i] = mirror * (even - odd)


@njit(**INNER)
def fill_weights(table, mirror, fraction, half, count, weights):  # pragma: no cover
    """``weights[p, MARGIN + i]`` for a block, all samples of a stretch in SIMD lanes.

    ``mirror`` is 1 for weights, -1 for their derivatives.
    """
    i0 = 0
    while i0 < count:
        t = half[i0]
        i1 = same_until(half, i0, count)
        f = fraction[i0:i1]
        for p in range(t):
            old = weights[p, MARGIN + i0 : MARGIN + i1]
            young = weights[2 * t - 1 - p, MARGIN + i0 : MARGIN + i1]
            if table.shape[2] == 4:
                _three(table[t - 1, p], f, mirror, old, young)
            elif table.shape[2] == 10:
                _nine(table[t - 1, p], f, mirror, old, young)
            else:
                _eleven(table[t - 1, p], f, mirror, old, young)
        i0 = i1


@njit(**INNER)
def sharpen(fraction, half, count, weights):  # pragma: no cover
    """Give whole delays the exact weights 0 and 1 that rounding missed."""
    whole = 0
    for i in range(count):
        whole += 1 if fraction[i] == 0.0 else 0
    if whole == 0:
        return
    for i in range(count):
        if fraction[i] == 0.0:
            for p in range(2 * half[i]):
                weights[p, MARGIN + i] = 1.0 if p == half[i] else 0.0


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
        weights[0, MARGIN + i] = f if linear else 1.0
        weights[1, MARGIN + i] = 1.0 - f if linear else eta
        if with_slopes:
            slope = -2.0 / ((1.0 + f) * (1.0 + f))
            slopes[0, MARGIN + i] = 1.0 if linear else 0.0
            slopes[1, MARGIN + i] = -1.0 if linear else slope
            slopes[2, MARGIN + i] = 0.0 if linear else slope


@njit(**INNER)
def read_one(line, base, weights, at, taps):  # pragma: no cover
    """One sample of :func:`read_taps`; what lies before the line is silence."""
    total = 0.0
    for p in range(max(0, -base), taps):
        total += weights[p, MARGIN + at] * line[base + p]
    return total


@njit(**INLINE)
def read_taps(line, base, weights, first, count, taps, out, at):  # pragma: no cover
    """``out[at + i] = sum_p weights[p, MARGIN + first + i] line[base + p + i]``, ``i < count``.

    What follows in ``out``, up to a whole vector, is overwritten.
    """
    over = rounded_up(count)
    if base + over + taps - 1 <= line.shape[0] and at + over <= out.shape[0]:
        read_vectors(line, base, weights, weights.shape[1], MARGIN + first, count, taps, out, at)
    else:
        for i in range(count):
            out[at + i] = read_one(line, base + i, weights, first + i, taps)


@njit(**INLINE)
def add_taps(line, base, weights, first, count, taps, values, padded):  # pragma: no cover
    """The transpose of :func:`read_taps`: ``line[base + p + i] += weights[p, MARGIN + first + i] values[first + i]``.

    ``padded`` (ROOM,) is for what this needs with zeros around it; its first MARGIN numbers are zero.
    """
    reach = count + taps - 1
    if base + rounded_up(reach) <= line.shape[0]:
        copy_range(values, first, padded, MARGIN, count)
        fill_all(padded[MARGIN + count : MARGIN + count + MARGIN], 0.0)
        add_vectors(line, base, weights, weights.shape[1], MARGIN + first, reach, taps, padded, MARGIN)
    else:
        for i in range(count):
            for p in range(max(0, -base - i), taps):
                line[base + i + p] += weights[p, MARGIN + first + i] * values[first + i]
