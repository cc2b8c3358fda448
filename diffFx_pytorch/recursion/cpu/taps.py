"""Taps of fractional delays for a block of samples: where to read and with what weights; reading, and its adjoint.

A block falls into stretches over which the whole part of the delay is constant; within one, tap p of all samples is a
run of neighbours, so that eight samples are a vector. Stretches of a time-varying delay are often shorter than a
hundred samples: loops run over the end of a stretch to a whole vector, and buffers have room for it.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import polynomial

from diffFx_pytorch.dsp.interpolation import interpolation_table
from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import constant, fma, load, load_wide, spread, store

LANES = 8
BLOCK = 128  # samples whose weights are computed together
MARGIN = 24  # what a buffer of a block needs before and after it: the longest interpolator and a vector
ROOM = BLOCK + 2 * MARGIN  # of a buffer in which sample i of the block stands at MARGIN + i
INLINE = {**INNER, "forceinline": True}  # an array is seven arguments on the stack, and a stretch is short
KERNEL: dict[str, Any] = {"nogil": True, "cache": True, "boundscheck": False, "error_model": "numpy", "compact": True}
GIVEN = {**KERNEL, "_nrt": False}
"""Options of a kernel that is given all its memory: it counts no references."""


class Taps(NamedTuple):
    """How the samples of a block read: ``sum_p weights[p, i] line[now + i - whole[i] - half[i] + p]``, oldest first."""

    whole: Any
    """Whole part of the delay (BLOCK,), int64."""
    half: Any
    """Half the number of taps (BLOCK,), int64."""
    fraction: Any
    """The rest of the delay."""
    poles: Any
    """Of the all-pass interpolator."""
    weights: Any
    """Flat, ROOM for each tap."""
    slopes: Any
    """Derivatives of the weights and, one row more, of the pole; of length 0 where nobody asks."""


def keys_table() -> np.ndarray:
    """Cubic convolution through four points, as ``interpolation_table`` has it (Keys 1981, eq. 4 with a = -1/2)."""
    table = np.zeros((2, 4, 4))
    table[1] = np.array([[0, 0, -0.5, 0.5], [0, 0.5, 2, -1.5], [1, 0, -2.5, 1.5], [0, -0.5, 1, -0.5]]).T
    return table


@functools.cache
def kernel_tables(interpolation: str) -> tuple[np.ndarray, np.ndarray]:
    """Tables (P/2, P/2, powers) of the weights of the older half of the taps and of their derivatives.

    They are polynomials of ``z = f - 1/2``, about which every interpolator is symmetric: tap ``2 t - 1 - p`` weighs at
    ``z`` what tap ``p`` weighs at ``-z``, so the younger half costs one subtraction per tap. The number of powers is
    even.

    Args:
        interpolation: a name of ``dsp.interpolation``, or "keys".
    """
    table = keys_table() if interpolation == "keys" else None
    if table is None:
        table = interpolation_table("linear" if interpolation == "allpass" else interpolation)
    half = table.shape[0]
    weights = np.zeros((half, half, table.shape[1] + table.shape[1] % 2))
    for t in range(half):
        for p in range(t + 1):
            centred = polynomial.Polynomial(table[t, :, p])(polynomial.Polynomial([0.5, 1.0])).coef
            weights[t, p, : centred.size] = centred
    slopes = np.zeros_like(weights)
    slopes[..., :-1] = weights[..., 1:] * np.arange(1, weights.shape[-1])
    return weights, slopes


def room_for_taps(points: int, slopes: bool) -> tuple[np.ndarray, np.ndarray]:
    """Memory for taps of ``points`` points; ``slopes`` says whether for their derivatives too."""
    return np.zeros(2 * BLOCK, np.int64), np.zeros(2 * BLOCK + MARGIN + (points + slopes * (points + 1)) * ROOM)


def _taps_in(room, points):  # pragma: no cover
    """The taps in what :func:`room_for_taps` gave."""
    whole, numbers = room
    weights = numbers[2 * BLOCK + MARGIN :]
    return Taps(
        whole[:BLOCK],
        whole[BLOCK:],
        numbers[: BLOCK + MARGIN],
        numbers[BLOCK + MARGIN : 2 * BLOCK + MARGIN],
        weights[: points * ROOM],
        weights[points * ROOM :],
    )


taps_in = njit(**INNER)(_taps_in)
_counted_taps_in = njit(**KERNEL)(_taps_in)


@njit(**KERNEL)
def new_taps(points, slopes):  # pragma: no cover
    """Taps in memory of their own."""
    numbers = np.zeros(2 * BLOCK + MARGIN + (points + (points + 1 if slopes else 0)) * ROOM)
    return _counted_taps_in((np.zeros(2 * BLOCK, np.int64), numbers), points)


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


@njit(**INLINE)
def add_range(source, s0, target, t0, count):  # pragma: no cover
    """``target[t0 + i] += source[s0 + i]``, ``i < count``."""
    a = source[s0 : s0 + count]
    b = target[t0 : t0 + count]
    for i in range(count):
        b[i] += a[i]


@njit(**INLINE)
def equal_eight(values, first, value):  # pragma: no cover
    """Whether eight neighbours have the same value."""
    part = values[first : first + 8]
    different = np.int64(0)
    for i in range(8):
        different |= part[i] ^ value
    return different == 0


@njit(**INNER)
def same_until(values, first, stop):  # pragma: no cover
    """Where the stretch of equal values from ``first`` on ends."""
    value = values[first]
    end = first + 1
    while end + 8 <= stop and equal_eight(values, end, value):
        end += 8
    while end < stop and values[end] == value:
        end += 1
    return end


@njit(**INNER)
def same_from(values, stop, first):  # pragma: no cover
    """Where the stretch of equal values that ends before ``stop`` begins."""
    value = values[stop - 1]
    begin = stop - 1
    while begin - 8 >= first and equal_eight(values, begin - 8, value):
        begin -= 8
    while begin > first and values[begin - 1] == value:
        begin -= 1
    return begin


@njit(**INLINE)
def split_block(delay, t0, count, youngest, limit, most, allpass, taps):  # pragma: no cover
    """Fill whole part, fraction and half the taps for samples ``t0 ..``; False if a delay is out of range, or NaN."""
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
        taps.whole[i] = k
        taps.fraction[i] = d - k
        t = k + 1 - youngest
        taps.half[i] = t if t < most else most
    return illegal == 0


@njit(**INNER)
def _cubics(c, fraction, first, stop, mirror, weights, old, young):  # pragma: no cover
    c0, c1, c2, c3 = spread(c, 0), spread(c, 1), spread(c, 2), spread(c, 3)
    for i in range(first, stop, LANES):
        z = load(fraction, i) - 0.5
        q = z * z
        even = c2 * q + c0
        odd = (c3 * q + c1) * z
        store(weights, old + i, even + odd)
        store(weights, young + i, mirror * (even - odd))


@njit(**INNER)
def _polynomials(c, fraction, first, stop, mirror, weights, old, young):  # pragma: no cover
    last = c.shape[0] - 2
    for i in range(first, stop, 2 * LANES):
        # Two vectors: one alone waits for each product.
        z, y = load(fraction, i) - 0.5, load(fraction, i + LANES) - 0.5
        q, r = z * z, y * y
        even, odd = spread(c, last), spread(c, last + 1)
        even_y, odd_y = even, odd
        for j in range(last - 2, -1, -2):
            a, b = spread(c, j), spread(c, j + 1)
            even, odd, even_y, odd_y = even * q + a, odd * q + b, even_y * r + a, odd_y * r + b
        odd, odd_y = odd * z, odd_y * y
        store(weights, old + i, even + odd)
        store(weights, young + i, mirror * (even - odd))
        store(weights, old + i + LANES, even_y + odd_y)
        store(weights, young + i + LANES, mirror * (even_y - odd_y))


@njit(**INNER)
def fill_weights(table, mirror, taps, count, weights):  # pragma: no cover
    """``weights[p, MARGIN + i]`` for a block; ``mirror`` is 1 for weights, -1 for their derivatives."""
    first = 0
    while first < count:
        t = taps.half[first]
        stop = same_until(taps.half, first, count)
        for p in range(t):
            c = table[t - 1, p]
            old, young = p * ROOM + MARGIN, (2 * t - 1 - p) * ROOM + MARGIN
            if c.shape[0] == 4:
                _cubics(c, taps.fraction, first, stop, mirror, weights, old, young)
            else:
                _polynomials(c, taps.fraction, first, stop, mirror, weights, old, young)
        first = stop


@njit(**INNER)
def sharpen(taps, count):  # pragma: no cover
    """Give whole delays the exact weights 0 and 1 that rounding missed."""
    whole = 0
    for i in range(count):
        whole += 1 if taps.fraction[i] == 0.0 else 0
    if whole == 0:
        return
    for i in range(count):
        if taps.fraction[i] == 0.0:
            for p in range(2 * taps.half[i]):
                taps.weights[p * ROOM + MARGIN + i] = 1.0 if p == taps.half[i] else 0.0


@njit(**INNER)
def fill_allpass(taps, count):  # pragma: no cover
    """``v[n] = eta w[n-k] + w[n-k-1] - eta v[n-1]``, ``eta = (1 - f) / (1 + f)``; linear where ``f < 1/2``.

    The pole is ``eta``, 0 where linear; the slopes are those to ``f`` of the two weights and of the pole.
    """
    for i in range(count):
        f = taps.fraction[i]
        eta = (1.0 - f) / (1.0 + f)
        linear = f < 0.5
        taps.poles[i] = 0.0 if linear else eta
        taps.weights[MARGIN + i] = f if linear else 1.0
        taps.weights[ROOM + MARGIN + i] = 1.0 - f if linear else eta
        if taps.slopes.shape[0]:
            slope = -2.0 / ((1.0 + f) * (1.0 + f))
            taps.slopes[MARGIN + i] = 1.0 if linear else 0.0
            taps.slopes[ROOM + MARGIN + i] = -1.0 if linear else slope
            taps.slopes[2 * ROOM + MARGIN + i] = 0.0 if linear else slope


@njit(**INLINE)
def prepare_taps(delay, t0, count, youngest, limit, tables, allpass, taps):  # pragma: no cover
    """Where and how the block's samples read; a constant delay is prepared for all blocks at once."""
    table, slope_table = tables
    moves = delay.shape[0] > 1
    good = split_block(delay, t0 if moves else 0, count if moves else 1, youngest, limit, table.shape[0], allpass, taps)
    if not moves:
        count = BLOCK
        fill_all(taps.whole, taps.whole[0])
        fill_all(taps.fraction, taps.fraction[0])
        fill_all(taps.half, taps.half[0])
    if allpass:
        fill_allpass(taps, count)
        return good
    fill_weights(table, 1.0, taps, count, taps.weights)
    sharpen(taps, count)
    if taps.slopes.shape[0]:
        fill_weights(slope_table, -1.0, taps, count, taps.slopes)
    return good


@njit(**INNER)
def read_one(line, base, weights, at, taps):  # pragma: no cover
    """One sample of :func:`read_taps`; what lies before the line is silence."""
    total = 0.0
    for p in range(max(0, -base), taps):
        total = fma(weights[p * ROOM + MARGIN + at], np.float64(line[base + p]), total)
    return total


@njit(**INLINE)
def read_taps(line, base, weights, first, count, taps, out, at):  # pragma: no cover
    """``out[at + i] = sum_p weights[p, MARGIN + first + i] line[base + p + i]``, ``i < count``.

    What follows in ``out``, up to a whole vector, is overwritten. What would begin before the line is silence: the few
    taps that do reach the line lie in its leading zeros.
    """
    if base < 0:
        silent = min(count, -base)
        fill_all(out[at : at + silent], 0.0)
        base, first, count, at = base + silent, first + silent, count - silent, at + silent
    reach = (count + LANES - 1) // LANES * LANES
    if base + reach + taps - 1 > line.shape[0] or at + reach > out.shape[0]:
        for i in range(count):
            out[at + i] = read_one(line, base + i, weights, first + i, taps)
        return
    for i in range(0, count, LANES):
        total = constant(weights, 0.0)
        for p in range(0, taps, 2):
            here = p * ROOM + MARGIN + first + i
            total = fma(load(weights, here), load_wide(line, base + i + p), total)
            total = fma(load(weights, here + ROOM), load_wide(line, base + i + p + 1), total)
        store(out, at + i, total)


@njit(**INLINE)
def add_taps(line, base, weights, first, count, taps, values, padded):  # pragma: no cover
    """The adjoint of :func:`read_taps`: ``line[base + p + i] += weights[p, MARGIN + first + i] values[first + i]``.

    Gathering what adds up in one place waits for no store, as adding one tap after the other does. ``padded`` (ROOM,)
    is for the values with zeros around them; its first MARGIN numbers are zero.
    """
    if base < 0:
        silent = min(count, -base)
        base, first, count = base + silent, first + silent, count - silent
        if count == 0:
            return
    reach = count + taps - 1
    if base + (reach + LANES - 1) // LANES * LANES > line.shape[0]:
        for i in range(count):
            for p in range(max(0, -base - i), taps):
                line[base + i + p] += weights[p * ROOM + MARGIN + first + i] * values[first + i]
        return
    copy_range(values, first, padded, MARGIN, count)
    fill_all(padded[MARGIN + count : MARGIN + count + MARGIN], 0.0)
    for j in range(0, reach, LANES):
        total = load_wide(line, base + j)
        for p in range(0, taps, 2):
            here = p * ROOM + MARGIN + first + j - p
            total = fma(load(weights, here), load(padded, MARGIN + j - p), total)
            total = fma(load(weights, here + ROOM - 1), load(padded, MARGIN + j - p - 1), total)
        store(line, base + j, total)


@njit(**INNER)
def read_time_varying(line, now, weights, taps, count, out):  # pragma: no cover
    """``out[i]`` from ``line`` at ``now + i`` minus the delay, ``i < count``; ``out`` has room for a vector more."""
    first = 0
    while first < count:
        stop = same_until(taps.whole, first, count)
        t = taps.half[first]
        read_taps(line, now + first - taps.whole[first] - t, weights, first, stop - first, 2 * t, out, first)
        first = stop


@njit(**INNER)
def add_time_varying(line, now, taps, count, values, padded):  # pragma: no cover
    """The adjoint of :func:`read_time_varying`; ``padded`` as in :func:`add_taps`."""
    first = 0
    while first < count:
        stop = same_until(taps.whole, first, count)
        t = taps.half[first]
        begin = now + first - taps.whole[first] - t
        add_taps(line, begin, taps.weights, first, stop - first, 2 * t, values, padded)
        first = stop
