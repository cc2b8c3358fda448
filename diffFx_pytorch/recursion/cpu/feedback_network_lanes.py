"""The inner loops of a feedback delay network, lines side by side in vector lanes.

A tile is LANES lines over some samples, ``tile[q * LANES + lane]``, float64, flat.
All arrays begin where the loop does.
"""

from __future__ import annotations

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import constant, fma, load, spread, store, where

LANES = 8
THRESHOLD = 1e-200


@njit(**INNER)
def section(source, target, count, coef, step, state):  # pragma: no cover
    """A second-order section per lane, transposed direct form 2; source may be target.

    ``coef[q * step :]`` holds b0 b1 b2 a1 a2 of sample q, LANES of each; ``state`` the two states.
    """
    s1, s2 = load(state, 0), load(state, LANES)
    for q in range(count):
        c = q * step
        x = load(source, q * LANES)
        y = fma(load(coef, c), x, s1)
        s1 = fma(load(coef, c + 3 * LANES), -y, fma(load(coef, c + LANES), x, s2))
        s2 = fma(load(coef, c + 4 * LANES), -y, load(coef, c + 2 * LANES) * x)
        store(target, q * LANES, y)
    store(state, 0, s1)
    store(state, LANES, s2)


@njit(**INNER)
def _first_order(coef):  # pragma: no cover
    """Constants of a first-order section per lane: y = b0 x + s, then s becomes c x - a1 s, c = b1 - a1 b0."""
    b0, a1 = load(coef, 0), load(coef, 3 * LANES)
    return b0, fma(-a1, b0, load(coef, LANES)), a1


@njit(**INNER)
def first_order_four(tile, count, coef, apart, state, states_apart):  # pragma: no cover
    """Four constant first-order sections per lane, one after the other in place.

    None waits for the one before it, and each but one product and sum for its own last sample, so that the four take
    little longer than one. ``apart`` counts numbers from section to section, ``states_apart`` from state to state.
    """
    b0, b1, b2 = _first_order(coef)
    c0, c1, c2 = _first_order(coef[apart:])
    d0, d1, d2 = _first_order(coef[2 * apart :])
    e0, e1, e2 = _first_order(coef[3 * apart :])
    r, s = load(state, 0), load(state, states_apart)
    t, u = load(state, 2 * states_apart), load(state, 3 * states_apart)
    for q in range(count):
        x = load(tile, q * LANES)
        y = fma(b0, x, r)
        r = fma(b2, -r, b1 * x)
        x = fma(c0, y, s)
        s = fma(c2, -s, c1 * y)
        y = fma(d0, x, t)
        t = fma(d2, -t, d1 * x)
        x = fma(e0, y, u)
        u = fma(e2, -u, e1 * y)
        store(tile, q * LANES, x)
    store(state, 0, r)
    store(state, states_apart, s)
    store(state, 2 * states_apart, t)
    store(state, 3 * states_apart, u)


@njit(**INNER)
def _add(target, at, a, b):  # pragma: no cover
    store(target, at, fma(a, b, load(target, at)))


@njit(**INNER)
def section_adjoint(grad, source, target, count, coef, step, state, grad_coef):  # pragma: no cover
    """Adjoint of :func:`section`, backwards in time: ``grad`` of the output becomes that of the input.

    ``source`` and ``target`` are what went in and came out; ``state`` holds the gradients of the two states; what
    coefficients get is added to ``grad_coef``, which lies as they do.
    """
    g1, g2 = load(state, 0), load(state, LANES)
    if step == 0:
        b0, b1, b2 = load(coef, 0), load(coef, LANES), load(coef, 2 * LANES)
        a1, a2 = load(coef, 3 * LANES), load(coef, 4 * LANES)
        to_b0, to_b1, to_b2 = load(grad_coef, 0), load(grad_coef, LANES), load(grad_coef, 2 * LANES)
        to_a1, to_a2 = load(grad_coef, 3 * LANES), load(grad_coef, 4 * LANES)
        for q in range(count - 1, -1, -1):
            total = fma(-a1, g1, fma(-a2, g2, load(grad, q * LANES)))
            store(grad, q * LANES, fma(b0, total, fma(b1, g1, b2 * g2)))
            x, minus_y = load(source, q * LANES), -load(target, q * LANES)
            to_b0, to_b1, to_b2 = fma(total, x, to_b0), fma(g1, x, to_b1), fma(g2, x, to_b2)
            to_a1, to_a2 = fma(g1, minus_y, to_a1), fma(g2, minus_y, to_a2)
            g1, g2 = total, g1
        store(grad_coef, 0, to_b0)
        store(grad_coef, LANES, to_b1)
        store(grad_coef, 2 * LANES, to_b2)
        store(grad_coef, 3 * LANES, to_a1)
        store(grad_coef, 4 * LANES, to_a2)
        store(state, 0, g1)
        store(state, LANES, g2)
        return
    for q in range(count - 1, -1, -1):
        c = q * step
        # The state known latest enters last.
        total = fma(-load(coef, c + 3 * LANES), g1, fma(-load(coef, c + 4 * LANES), g2, load(grad, q * LANES)))
        rest = fma(load(coef, c + LANES), g1, load(coef, c + 2 * LANES) * g2)
        store(grad, q * LANES, fma(load(coef, c), total, rest))
        x, minus_y = load(source, q * LANES), -load(target, q * LANES)
        _add(grad_coef, c, total, x)
        _add(grad_coef, c + LANES, g1, x)
        _add(grad_coef, c + 2 * LANES, g2, x)
        _add(grad_coef, c + 3 * LANES, g1, minus_y)
        _add(grad_coef, c + 4 * LANES, g2, minus_y)
        g1, g2 = total, g1
    store(state, 0, g1)
    store(state, LANES, g2)


@njit(**INNER)
def _flushed(y):  # pragma: no cover
    return where(abs(y) < THRESHOLD, 0.0, y)


@njit(**INNER)
def mix_lanes(source, places, inputs, columns, step, target, count):  # pragma: no cover
    """``target[q LANES + lane] = sum_j columns[j step + lane] source[places[j] + q LANES]`` over j < inputs, q < count.

    Eight samples at a time, to hide the latency of the sums. What is on its way to the denormals becomes zero.
    """
    whole = count // 8 * 8
    for q in range(0, whole, 8):
        y0 = constant(columns, 0.0)
        y1, y2, y3, y4, y5, y6, y7 = y0, y0, y0, y0, y0, y0, y0
        for j in range(inputs):
            column, at = load(columns, j * step), places[j] + q * LANES
            y0 = fma(column, spread(source, at), y0)
            y1 = fma(column, spread(source, at + LANES), y1)
            y2 = fma(column, spread(source, at + 2 * LANES), y2)
            y3 = fma(column, spread(source, at + 3 * LANES), y3)
            y4 = fma(column, spread(source, at + 4 * LANES), y4)
            y5 = fma(column, spread(source, at + 5 * LANES), y5)
            y6 = fma(column, spread(source, at + 6 * LANES), y6)
            y7 = fma(column, spread(source, at + 7 * LANES), y7)
        here = q * LANES
        store(target, here, _flushed(y0))
        store(target, here + LANES, _flushed(y1))
        store(target, here + 2 * LANES, _flushed(y2))
        store(target, here + 3 * LANES, _flushed(y3))
        store(target, here + 4 * LANES, _flushed(y4))
        store(target, here + 5 * LANES, _flushed(y5))
        store(target, here + 6 * LANES, _flushed(y6))
        store(target, here + 7 * LANES, _flushed(y7))
    for q in range(whole, count):
        y = constant(columns, 0.0)
        for j in range(inputs):
            y = fma(load(columns, j * step), spread(source, places[j] + q * LANES), y)
        store(target, q * LANES, _flushed(y))


@njit(**INNER)
def outer_lanes(source, places, inputs, grad, count, columns, step):  # pragma: no cover
    """``columns[j step + lane] += sum_q source[places[j] + q LANES] grad[q LANES + lane]``."""
    j = 0
    while j + 4 <= inputs:  # four sums, none of which waits for another
        a, b = load(columns, j * step), load(columns, (j + 1) * step)
        c, d = load(columns, (j + 2) * step), load(columns, (j + 3) * step)
        p, r, s, t = places[j], places[j + 1], places[j + 2], places[j + 3]
        for q in range(0, count * LANES, LANES):
            g = load(grad, q)
            a, b = fma(g, spread(source, p + q), a), fma(g, spread(source, r + q), b)
            c, d = fma(g, spread(source, s + q), c), fma(g, spread(source, t + q), d)
        store(columns, j * step, a)
        store(columns, (j + 1) * step, b)
        store(columns, (j + 2) * step, c)
        store(columns, (j + 3) * step, d)
        j += 4
    while j < inputs:
        a = load(columns, j * step)
        for q in range(count):
            a = fma(load(grad, q * LANES), spread(source, places[j] + q * LANES), a)
        store(columns, j * step, a)
        j += 1
