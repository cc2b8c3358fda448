"""How coefficients go from one control point to the next, for kernels; the equation is `join_points`."""

from __future__ import annotations

import math
from typing import Any

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import SIDE, any_of, constant, load, store, where

from ..control_points import BEND, FACTOR, STEEPEST
from .exponential import exponential, small_exponential

A, B = BEND

NEAR = 0.125
"""(c1 - c0) / (c1 + c0) up to which the logarithm of c1 / c0 and its roots are a few terms of their series."""


@njit(**INNER)
def twice_artanh(z):  # pragma: no cover
    """log(c1 / c0) of z = (c1 - c0) / (c1 + c0) up to `NEAR`."""
    q = z * z
    series = q * (1 / 19) + 1 / 17
    series = q * (q * (q * series + 1 / 15) + 1 / 13) + 1 / 11
    series = q * (q * (q * (q * (q * series + 1 / 9) + 1 / 7) + 1 / 5) + 1 / 3) + 1.0
    return 2.0 * z * series


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
        e = part * twice_artanh(z)
        store(ratio, n, small_exponential(e))
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
def _power(x):  # pragma: no cover
    """exp(x), to the last digit where x is small, as between points that are near."""
    return exponential(x) if any_of(abs(x) > 0.25) else small_exponential(x)


def bends(lanes: int) -> tuple[Any, Any, Any]:
    """How g is bent between two points, stepped, and what its gradient adds; ``lanes`` side by side."""
    W = 5 * lanes

    @njit(**INNER)
    def octaves(first, second, k, room):  # pragma: no cover
        """ln(g1 / g0) of section k; ``room`` for as many numbers."""
        u, v = load(first, k * W, lanes), load(second, k * W, lanes)
        z = (v - u) / (v + u)
        found = twice_artanh(z)
        if any_of(abs(z) > NEAR):
            for lane in range(lanes):
                room[lane] = math.log(second[k * W + lane] / first[k * W + lane])
            found = load(room, 0, lanes)
        return found

    @njit(**INNER)
    def steepness(first, second, k):  # pragma: no cover
        """The kappa of `bend_of`, and its derivative by ln(g0 g1)."""
        m = load(first, k * W, lanes) * load(second, k * W, lanes)
        inside = m < STEEPEST
        m = where(inside, m, STEEPEST)
        over = 1.0 / (m * (A * m + B) + 1.0)
        kappa = m * (A * m + 4 / 3) * over
        return kappa, where(inside, m * over * ((2.0 * A * m + 4 / 3) - kappa * (2.0 * A * m + B)), 0.0)

    @njit(**INNER)
    def bend(first, second, samples, step, curved):  # pragma: no cover
        """``curved`` receives 4 delta / samples^2 of each section: ln g += curved t (samples - t)."""
        for k in range(first.size // W):
            u, v = load(first, k * W, lanes), load(second, k * W, lanes)
            if samples < 2 or not any_of(u != v):
                store(curved, k * lanes, constant(first, 0.0, lanes))
                continue
            line = (load(step, k * W, lanes) != 0.0) | (u == 0.0)
            length = octaves(first, second, k, curved[k * lanes :])
            half = 0.5 * length * steepness(first, second, k)[0]
            found = (-1.0 / (samples * samples)) * length * half / (half * half + 1.0)
            store(curved, k * lanes, where(line, 0.0, found))

    @njit(**INNER)
    def turn(curved, ratio, t, samples, coef, slope, turning):  # pragma: no cover
        """Bend the g of ``coef``, ``t`` after the first point; the next is g slope, the next slope slope turning."""
        if t > 0:
            for n in range(0, curved.size, SIDE):
                store(slope, n, _power(load(curved, n) * float(t * (samples - t))))
            for k in range(coef.size // W):
                store(coef, k * W, load(coef, k * W, lanes) * load(slope, k * lanes, lanes))
        for n in range(0, curved.size, SIDE):
            store(slope, n, _power(load(curved, n) * float(samples - 2 * t - 1)))
            store(turning, n, _power(-2.0 * load(curved, n)))
        for k in range(coef.size // W):
            store(slope, k * lanes, load(slope, k * lanes, lanes) * load(ratio, k * W, lanes))

    @njit(**INNER)
    def bend_ends(first, second, curved, sums, lagged, twice, offset, samples, to_first, to_second):  # pragma: no cover
        """Add what the bend gives to the gradients of two points; ``twice`` are the sums of ``lagged``."""
        for k in range(first.size // W):
            moves = load(curved, k * lanes, lanes) != 0.0
            if not any_of(moves):
                continue
            s, late = load(sums, k * W, lanes), load(lagged, k * W, lanes)
            later = float(offset) * s + late
            square = float(offset) * (later + late) + (2.0 * load(twice, k * lanes, lanes) + late)
            to_bend = (4.0 / (samples * samples)) * (float(samples) * later - square)
            length = octaves(first, second, k, twice[k * lanes :])
            kappa, slope = steepness(first, second, k)
            half = 0.5 * length * kappa
            over = 1.0 / (half * half + 1.0)
            by_length = -0.5 * half * over * over
            by_product = -0.125 * length * length * (1.0 - half * half) * over * over * slope
            u, v = where(moves, load(first, k * W, lanes), 1.0), where(moves, load(second, k * W, lanes), 1.0)
            to_u, to_v = to_bend * (by_product - by_length) / u, to_bend * (by_product + by_length) / v
            store(to_first, k * W, load(to_first, k * W, lanes) + where(moves, to_u, 0.0))
            store(to_second, k * W, load(to_second, k * W, lanes) + where(moves, to_v, 0.0))

    return bend, turn, bend_ends


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
