"""Second-order all-passes in series inside a loop of one sample: what a tile of two rows becomes, and its adjoint.

A stage is the normalised ladder of two rotations (Gray and Markel 1975), each y = c s - b x, s <- b s + c x with
c = sqrt(1 - b^2): the outer one (b2) hands what it makes of the input to the inner (b1), whose output is its state to
be. Its transfer function is (-b2 - b1 (1 - b2) z^-1 + z^-2) / (1 - b1 (1 - b2) z^-1 - b2 z^-2).

``planes`` holds b1, c1, g, b2, c2 of every sample; ``state`` (2 stages + 2, 2) the inner and the outer state of every
stage, then the last v.
"""

from __future__ import annotations

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.vector import fma

jit = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})


@jit
def run_second(count, planes, stages, state, left, right):
    """Turn a tile of two rows into u + v."""
    last, other = state[2 * stages, 0], state[2 * stages, 1]
    for i in range(count):
        b1, c1, g, b2, c2 = planes[0, i], planes[1, i], planes[2, i], planes[3, i], planes[4, i]
        p, q = fma(g, last, left[i]), fma(g, other, right[i])
        left[i], right[i] = p, q
        for k in range(0, 2 * stages, 2):
            s, r = state[k + 1, 0], state[k + 1, 1]
            f, h = fma(c2, p, b2 * s), fma(c2, q, b2 * r)
            p, q = fma(-b2, p, c2 * s), fma(-b2, q, c2 * r)
            s, r = state[k, 0], state[k, 1]
            state[k, 0], state[k, 1] = fma(c1, f, b1 * s), fma(c1, h, b1 * r)
            state[k + 1, 0], state[k + 1, 1] = fma(-b1, f, c1 * s), fma(-b1, h, c1 * r)
        last, other = p, q
        left[i] += p
        right[i] += q
    state[2 * stages, 0], state[2 * stages, 1] = last, other


@jit
def run_second_kept(count, planes, stages, state, left, right, signals, states):
    """As ``run_second``, keeping what enters every rotation (the inner first), and the states before each sample."""
    last, other = state[2 * stages, 0], state[2 * stages, 1]
    for i in range(count):
        b1, c1, g, b2, c2 = planes[0, i], planes[1, i], planes[2, i], planes[3, i], planes[4, i]
        states[2 * stages, i, 0], states[2 * stages, i, 1] = last, other
        p, q = fma(g, last, left[i]), fma(g, other, right[i])
        for k in range(0, 2 * stages, 2):
            s, r = state[k + 1, 0], state[k + 1, 1]
            signals[k + 1, i, 0], signals[k + 1, i, 1] = p, q
            states[k + 1, i, 0], states[k + 1, i, 1] = s, r
            f, h = fma(c2, p, b2 * s), fma(c2, q, b2 * r)
            p, q = fma(-b2, p, c2 * s), fma(-b2, q, c2 * r)
            s, r = state[k, 0], state[k, 1]
            signals[k, i, 0], signals[k, i, 1] = f, h
            states[k, i, 0], states[k, i, 1] = s, r
            state[k, 0], state[k, 1] = fma(c1, f, b1 * s), fma(c1, h, b1 * r)
            state[k + 1, 0], state[k + 1, 1] = fma(-b1, f, c1 * s), fma(-b1, h, c1 * r)
        last, other = p, q


@jit
def _turn(slope, a, o, signal, state):
    """Gradient by b of a rotation: ``a`` that of its new state, ``o`` that of its output."""
    return a * (state + slope * signal) + o * (slope * state - signal)


@jit
def run_second_adjoint(count, planes, stages, state, left, right, signals, states, needs_grad, to_b1, to_g, to_b2):
    """The adjoint of ``run_second``: gradients of u + v become those of x; those of b1, g, b2 are of both rows."""
    last, other = state[2 * stages, 0], state[2 * stages, 1]
    for i in range(count - 1, -1, -1):
        b1, c1, g, b2, c2 = planes[0, i], planes[1, i], planes[2, i], planes[3, i], planes[4, i]
        inner, outer = -b1 / c1, -b2 / c2
        p, q = left[i] + last, right[i] + other
        inner_b, outer_b = 0.0, 0.0
        for k in range(2 * stages - 2, -1, -2):
            s, r, o, w = state[k, 0], state[k, 1], state[k + 1, 0], state[k + 1, 1]
            f, h = fma(c1, s, -b1 * o), fma(c1, r, -b1 * w)
            if needs_grad:
                inner_b += _turn(inner, s, o, signals[k, i, 0], states[k, i, 0])
                inner_b += _turn(inner, r, w, signals[k, i, 1], states[k, i, 1])
                outer_b += _turn(outer, f, p, signals[k + 1, i, 0], states[k + 1, i, 0])
                outer_b += _turn(outer, h, q, signals[k + 1, i, 1], states[k + 1, i, 1])
            state[k, 0], state[k, 1] = fma(c1, o, b1 * s), fma(c1, w, b1 * r)
            state[k + 1, 0], state[k + 1, 1] = fma(c2, p, b2 * f), fma(c2, q, b2 * h)
            p, q = fma(c2, f, -b2 * p), fma(c2, h, -b2 * q)
        p, q = p + left[i], q + right[i]
        left[i], right[i] = p, q
        last, other = g * p, g * q
        if needs_grad:
            to_b1[i], to_b2[i] = inner_b, outer_b
            to_g[i] = p * states[2 * stages, i, 0] + q * states[2 * stages, i, 1]
    state[2 * stages, 0], state[2 * stages, 1] = last, other
