"""How coefficients go from one control point to the next, for kernels; the equation is `join_points`."""

from __future__ import annotations

import math

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import SIDE, any_of, constant, load, store, where

from ..control_points import FACTOR

NEAR = 0.125
"""(c1 - c0) / (c1 + c0) up to which the logarithm of c1 / c0 and its roots are a few terms of their series."""


@njit(**INNER)
def join(first, second, samples, ratio, step):  # pragma: no cover
    """How coefficients go from ``first`` to ``second`` in so many samples: c <- c ratio + step; arrays of eights."""
    part = 1.0 / samples
    for n in range(0, first.size, SIDE):
        u, v = load(first, n), load(second, n)
        if samples < 2 or not any_of(u != v):
            store(ratio, n, constant(first, 1.0))
            store(step, n, constant(first, 0.0))
            continue
        geometric = ((u > 0.0) & (v > 0.0)) | ((u < 0.0) & (v < 0.0))
        geometric = geometric & (abs(u) <= FACTOR * abs(v)) & (abs(v) <= FACTOR * abs(u))
        z = where(geometric, (v - u) / where(geometric, v + u, 1.0), 0.0)
        q = z * z
        # log(c1 / c0) = 2 artanh z, over the samples.
        series = q * (1 / 19) + 1 / 17
        series = q * (q * (q * series + 1 / 15) + 1 / 13) + 1 / 11
        series = q * (q * (q * (q * (q * series + 1 / 9) + 1 / 7) + 1 / 5) + 1 / 3) + 1.0
        e = (2.0 * part) * z * series
        root = e * (1 / 39916800) + 1 / 3628800
        root = e * (e * (e * root + 1 / 362880) + 1 / 40320) + 1 / 5040
        root = e * (e * (e * root + 1 / 720) + 1 / 120) + 1 / 24
        root = e * (e * (e * (e * root + 1 / 6) + 0.5) + 1.0) + 1.0
        store(ratio, n, root)
        store(step, n, where(geometric, 0.0, (v - u) * part))
        if any_of(abs(z) > NEAR):
            for m in range(n, n + SIDE):
                a, b = first[m], second[m]
                if step[m] == 0.0 and a != b and abs(b - a) > NEAR * abs(b + a):
                    ratio[m] = math.exp(math.log(b / a) * part)


@njit(**INNER)
def advance(first, ratio, step, samples, coef):  # pragma: no cover
    """The coefficients ``samples`` after the first point."""
    for n in range(0, first.size, SIDE):
        c, r = load(first, n), load(ratio, n)
        c = load(step, n) * float(samples) + c
        left = samples
        while left > 0:
            if left & 1:
                c = c * r
            r = r * r
            left >>= 1
        store(coef, n, c)


@njit(**INNER)
def segment_at(at, t, guess):  # pragma: no cover
    """The last point that stands at or before sample t, looking from ``guess`` on."""
    f = guess
    while f > 0 and at[f] > t:
        f -= 1
    while f + 1 < at.size and at[f + 1] <= t:
        f += 1
    return f


@njit(**INNER)
def span(at, f):  # pragma: no cover
    """Samples from point f to the next; 1 after the last."""
    return at[f + 1] - at[f] if f + 1 < at.size else 1


@njit(**INNER)
def piece_end(at, f, last):  # pragma: no cover
    """Where the stretch between two points ends, at ``last`` at the latest."""
    return min(last, at[f + 1]) if f + 1 < at.size else last
