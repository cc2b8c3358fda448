"""Overshoot of the peaks of a key that count for a while, in float32, and its adjoint, in one pass each.

Signals are (G, C, T), the C channels of a group under one gain; ``past`` (G, W - 1) are the sizes before the first
sample, and a peak counts for W samples.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit

from .elementary import HALF, INLINE, ONE, TWO, ZERO, log
from .gain_rows import CHUNK, find_loudest, overshoot_slope, total

MANY, FEW = 64, 16
_LONG = 4 * CHUNK
"""Samples at a time: many beside the window, which each stretch looks back over."""


@njit(**INLINE)
def _sizes(key, past, group, first, count, size):  # pragma: no cover
    """``size[i]`` is the size of sample ``first + i``; negative ones are in the past."""
    lacking = min(max(-first, 0), count)
    for i in range(lacking):
        size[i] = past[group, past.shape[1] + first + i]
    find_loudest(key, group, first + lacking, count - lacking, False, size[lacking:])


@njit(**INLINE)
def _none_above(bits, first, lanes, most):  # pragma: no cover
    piece, above = bits[first : first + lanes], np.int32(0)
    for i in range(lanes):
        above |= np.int32(piece[i] > most)
    return above == 0


@njit(**INLINE)
def _largest(bits, first, stop):  # pragma: no cover
    """The largest of ``bits[first:stop]``, and where the last such stands."""
    window, at = bits[first:stop], stop
    most = window[0]
    for i in range(len(window)):
        v = window[i]
        most = v if v > most else most
    while at - FEW >= first and _none_above(bits, at - FEW, FEW, most - 1):
        at -= FEW
    at -= 1
    while bits[at] != most:
        at -= 1
    return most, at


@njit(**INLINE)
def _rests(bits, count, window, suffix, values, stops):  # pragma: no cover
    """The largest of ``bits[i : i + window]`` over i under ``count``: how many ``values``, and where each stops.

    Sizes are not negative, so they are in the order of their bits as integers, NaN above all. The largest rests until a
    larger one comes or it leaves the window; then the window is searched. Where that happens again at once, as while
    a tone dies away, the next window is one of suffixes and a prefix, which costs the same whatever the sound.

    References:
        M. van Herk, "A fast algorithm for local minimum and maximum filters on rectangular and octagonal kernels",
        Pattern Recognition Letters 13(7), 1992 (suffixes and prefixes).
    """
    reach, i, searched, n = window - 1, 0, -MANY, 0
    most, at = _largest(bits, 0, window)
    while True:
        until = min(count, at + window - reach)
        while i + MANY <= until and _none_above(bits, reach + i, MANY, most):
            i += MANY
        while i + FEW <= until and _none_above(bits, reach + i, FEW, most):
            i += FEW
        while i < until and bits[reach + i] <= most:
            i += 1
        values[n], stops[n] = most, i
        n += 1
        if i == count:
            return n
        if i < until:
            most, at = bits[reach + i], reach + i
            continue
        if i - searched < FEW:
            until = min(count, i + window)
            most = bits[reach + i]
            for j in range(i + reach, i - 1, -1):
                most = max(most, bits[j])
                suffix[j - i] = most
            most = bits[reach + i]
            for j in range(until - i):
                most = max(most, bits[reach + i + j])
                v = max(suffix[j], most)
                n += 1 if v != values[n - 1] else 0
                values[n - 1], stops[n - 1] = v, i + j + 1
            i = until
            if i == count:
                return n
        most, at = _largest(bits, i, i + window)
        searched = i


@njit(**INLINE)
def held_overshoot_rows(start, stop, pieces, share, key, past, offset, width, floor, over):  # pragma: no cover
    """``overshoot_rows`` of the largest size of the last W samples; arguments as there."""
    T, reach = over.shape[1], past.shape[1]
    size, suffix = np.empty(_LONG + reach, np.float32), np.empty(reach + 1, np.int32)
    value, stops = np.empty(_LONG + 1, np.float32), np.empty(_LONG + 1, np.int32)
    for piece in range(start, stop):
        group = piece // pieces
        begin, end = (piece % pieces) * T // pieces, (piece % pieces + 1) * T // pieces
        o, W = offset[group // share], width[group // share]
        per = ONE / W
        for first in range(begin, end, _LONG):
            count = min(_LONG, end - first)
            _sizes(key, past, group, first - reach, count + reach, size)
            n = _rests(size.view(np.int32), count, reach + 1, suffix, value.view(np.int32), stops)
            for i in range(n):
                s = value[i]
                v = o + log(floor if s < floor else s)
                v = ZERO if v < ZERO else v
                m = W if v > W else v
                value[i] = (v - HALF * m) * m * per
            at = first
            for i in range(n):
                v, out = value[i], over[group, at : first + stops[i]]
                for j in range(len(out)):
                    out[j] = v
                at = first + stops[i]


@njit(**INLINE)
def _loudest_before(key, past, group, now, size):  # pragma: no cover
    """Where the largest of the last W sizes stands; the last of equal ones."""
    window = past.shape[1] + 1
    _sizes(key, past, group, now - window + 1, window, size)
    return now - window + 1 + _largest(size.view(np.int32), 0, window)[1]


@njit(**INLINE)
def _give(key, group, at, grad, floor, grad_key):  # pragma: no cover
    """Hand the gradient of the level of sample ``at`` to its loudest channel; those equally loud share."""
    C = key.shape[1]
    most = ZERO
    for c in range(C):
        most = max(most, abs(key[group, c, at]))
    count = 0
    for c in range(C):
        count += 1 if abs(key[group, c, at]) == most else 0
    part = grad / (max(np.float64(most) * most, np.float64(floor)) * max(count, 1))
    for c in range(C):
        if (abs(key[group, c, at]) == most) | (count == 0):
            grad_key[group, c, at] += np.float32(part * key[group, c, at])


@njit(**INLINE)
def _all_equal(bits, first, lanes, value):  # pragma: no cover
    piece, differs = bits[first : first + lanes], np.int32(0)
    for i in range(lanes):
        differs |= np.int32(piece[i] != value)
    return differs == 0


@njit(**INLINE)
def held_overshoot_adjoint_rows(
    start, stop, pieces, share, grad, key, past, over, width, floor, grad_key, sums
):  # pragma: no cover
    """Gradients of ``held_overshoot_rows``, a whole group at a time; arguments as for ``overshoot_adjoint_rows``.

    While the overshoot rests it is that of one sample, which gets the gradient of all the time it rests: so one slope
    and one sum. It is the first sample where the overshoot has risen, and where it falls next the one that leaves the
    window then. Only between a fall and a rise, at most once a window, is it searched for.
    """
    T, window, to_key = over.shape[1], past.shape[1] + 1, grad_key.shape[2] > 0
    size = np.empty(window, np.float32)
    for group in range(start, stop):
        per = TWO / width[group // share]
        height, bits, g = over[group], over[group].view(np.int32), grad[group]
        sums[group] = 0.0
        begin = 0
        while begin < T:
            v, end = height[begin], begin + 1
            while end + MANY <= T and _all_equal(bits, end, MANY, bits[begin]):
                end += MANY
            while end + FEW <= T and _all_equal(bits, end, FEW, bits[begin]):
                end += FEW
            while end < T and bits[end] == bits[begin]:
                end += 1
            slope, rest = np.float64(overshoot_slope(v, per)), begin
            while rest < end:
                until = min(end, rest + window)
                at = -1
                if to_key and v != ZERO:
                    if (v != v) | ((rest == begin) & (begin > 0) & (v > height[begin - 1])):
                        at = rest
                    elif (end - rest <= window) & (end < T) & (height[min(end, T - 1)] < v):
                        at = end - window
                    else:
                        at = _loudest_before(key, past, group, rest, size)
                    until = min(end, at + window)
                given = slope * total(g[rest:until], until - rest)
                sums[group, 0] += given
                sums[group, 1] += given - given * slope
                if at >= 0:
                    _give(key, group, at, given, floor, grad_key)
                rest = until
            begin = end
