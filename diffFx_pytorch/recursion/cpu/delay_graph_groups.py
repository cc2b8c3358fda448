"""Steps of a graph of delay lines that are played in one loop: see ``delay_graph_plan``.

A block's samples are taken eight at a time, what is left over one by one, by the same operations in the same order.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import (
    SIDE,
    constant,
    converted,
    fma,
    load,
    load_rows,
    load_wide,
    spread,
    store,
    store_rows,
    transpose,
    where,
)


@njit(**INNER)
def _heard(value, threshold):  # pragma: no cover
    return where(abs(value) > threshold, value, 0.0)


@njit(**INNER)
def all_pass(work, here, delay, x, down, up, other, count, threshold, y):  # pragma: no cover
    """An all-pass, w = x + down v, y = v + up w or, unless ``other``, v + up x; v is the line ``delay`` ago."""
    whole = count // SIDE * SIDE
    for t in range(0, whole, SIDE):
        v, given = load_wide(work, here - delay + t), load(x, t)
        w = fma(v, down, given)
        store(work, here + t, _heard(w, threshold))
        store(y, t, fma(w if other else given, up, v))
    for t in range(whole, count):
        v, given = np.float64(work[here - delay + t]), x[t]
        w = fma(v, down, given)
        work[here + t] = w if abs(w) > threshold else 0.0
        y[t] = fma(w if other else given, up, v)


@njit(**INNER)
def taps(work, refers, base, at, count, places, signs, y):  # pragma: no cover
    """The sum of reads; ``places`` and ``signs`` are room for where they are and how they count."""
    n = refers.shape[0] // 3
    for i in range(n):
        places[i], signs[i] = base[refers[3 * i]] + at - refers[3 * i + 1], refers[3 * i + 2]
    whole = count // (2 * SIDE) * (2 * SIDE)
    for t in range(0, whole, 2 * SIDE):
        a = constant(y, 0.0)
        b = a
        for i in range(n):
            sign = spread(signs, i)
            a = fma(sign, load_wide(work, places[i] + t), a)
            b = fma(sign, load_wide(work, places[i] + t + SIDE), b)
        store(y, t, a)
        store(y, t + SIDE, b)
    for t in range(whole, count):
        total = 0.0
        for i in range(n):
            total = fma(signs[i], np.float64(work[places[i] + t]), total)
        y[t] = total


@njit(**INNER)
def bank(work, refers, base, at, x, pole, feedback, count, threshold, state, states, places, y):  # pragma: no cover
    """Eight combs, whose filters lie in lanes; ``states`` and ``places`` are room for 8 and 16 numbers."""
    for i in range(SIDE):
        here = base[refers[3 * i]] + at
        places[i], places[SIDE + i] = here - refers[3 * i + 1], here
        states[i] = state[refers[3 * i + 2]]
    to = places[SIDE:]
    rest = 1.0 - pole
    s = load(states, 0)
    whole = count // SIDE * SIDE
    for t in range(0, whole, SIDE):
        rows = load_rows(work, places, 0, t)
        r0, r1, r2, r3, r4, r5, r6, r7 = rows
        total = converted(r0, y) + converted(r1, y)
        total = total + converted(r2, y) + converted(r3, y) + converted(r4, y)
        total = total + converted(r5, y) + converted(r6, y) + converted(r7, y)
        c0, c1, c2, c3, c4, c5, c6, c7 = transpose(rows)
        s = fma(s, pole, rest * converted(c0, y))
        w0 = converted(_heard(fma(s, feedback, spread(x, t)), threshold), work)
        s = fma(s, pole, rest * converted(c1, y))
        w1 = converted(_heard(fma(s, feedback, spread(x, t + 1)), threshold), work)
        s = fma(s, pole, rest * converted(c2, y))
        w2 = converted(_heard(fma(s, feedback, spread(x, t + 2)), threshold), work)
        s = fma(s, pole, rest * converted(c3, y))
        w3 = converted(_heard(fma(s, feedback, spread(x, t + 3)), threshold), work)
        s = fma(s, pole, rest * converted(c4, y))
        w4 = converted(_heard(fma(s, feedback, spread(x, t + 4)), threshold), work)
        s = fma(s, pole, rest * converted(c5, y))
        w5 = converted(_heard(fma(s, feedback, spread(x, t + 5)), threshold), work)
        s = fma(s, pole, rest * converted(c6, y))
        w6 = converted(_heard(fma(s, feedback, spread(x, t + 6)), threshold), work)
        s = fma(s, pole, rest * converted(c7, y))
        w7 = converted(_heard(fma(s, feedback, spread(x, t + 7)), threshold), work)
        store_rows(work, to, 0, t, transpose((w0, w1, w2, w3, w4, w5, w6, w7)))
        store(y, t, total)
    store(states, 0, s)
    for t in range(whole, count):
        total, given = 0.0, x[t]
        for i in range(SIDE):
            v = np.float64(work[places[i] + t])
            total += v
            states[i] = fma(states[i], pole, rest * v)
            w = fma(states[i], feedback, given)
            work[to[i] + t] = w if abs(w) > threshold else 0.0
        y[t] = total
    for i in range(SIDE):
        state[refers[3 * i + 2]] = states[i]
