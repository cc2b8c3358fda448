"""All-passes in series inside a loop of one sample: row by row, tile by tile.

A first-order stage is the normalised ladder (Gray and Markel 1975): y = c s - b x, s <- b s + c x with
c = sqrt(1 - b^2), which keeps the energy of (x, s) whatever b does from sample to sample. Its matrix is symmetric, so
it is its own adjoint.

Each stage waits for the one before, so what counts is one multiply-add a stage; left to choose which of two products to
round first, the compiler puts a second multiplication into that chain.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.vector import fma
from diffFx_pytorch.recursion.cpu.allpass_loop_second import run_second, run_second_adjoint, run_second_kept

jit = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})


@jit
def _prepare(coef, q, first, count, planes):
    """Lay out b, c, g of a tile, and b2, c2 of second-order stages; constant ones to the end of it."""
    filled = count
    if coef.shape[1] > 1:
        for i in range(count):
            planes[0, i] = coef[q, first + i, 0, 0]
            planes[2, i] = coef[q, first + i, 0, 1]
            if coef.shape[3] == 3:
                planes[3, i] = coef[q, first + i, 0, 2]
    else:
        filled = planes.shape[1]
        for i in range(filled):
            planes[0, i] = coef[q, 0, 0, 0]
            planes[2, i] = coef[q, 0, 0, 1]
            if coef.shape[3] == 3:
                planes[3, i] = coef[q, 0, 0, 2]
    for i in range(filled):
        b = planes[0, i]
        planes[1, i] = np.sqrt((1.0 - b) * (1.0 + b))
        if coef.shape[3] == 3:
            b = planes[3, i]
            planes[4, i] = np.sqrt((1.0 - b) * (1.0 + b))


@jit
def _copy(source, target):
    for i in range(min(source.shape[0], target.shape[0])):
        target[i] = source[i]


@jit
def _flush(state, denormal_threshold):
    for k in range(state.shape[0]):
        if abs(state[k]) < denormal_threshold:
            state[k] = 0.0


@jit
def _run(count, planes, stages, state, left, right):
    """Turn a tile of two rows into u + v; ``state`` (stages + 2, 2) ends with the last v.

    Two rows side by side, because each has to wait for its own last output.
    """
    last, other = state[stages, 0], state[stages, 1]
    for i in range(count):
        b, c, g = planes[0, i], planes[1, i], planes[2, i]
        p, q = fma(g, last, left[i]), fma(g, other, right[i])
        left[i], right[i] = p, q
        for k in range(stages):
            s, r = state[k, 0], state[k, 1]
            state[k, 0], state[k, 1] = fma(c, p, b * s), fma(c, q, b * r)
            p, q = fma(-b, p, c * s), fma(-b, q, c * r)
        last, other = p, q
        left[i] += p
        right[i] += q
    state[stages, 0], state[stages, 1] = last, other


@jit
def _run_kept(count, planes, stages, state, left, right, signals, states):
    """As ``_run``, keeping what enters every stage, and the states before each sample (last line: what left)."""
    last, other = state[stages, 0], state[stages, 1]
    for i in range(count):
        b, c, g = planes[0, i], planes[1, i], planes[2, i]
        states[stages, i, 0], states[stages, i, 1] = last, other
        p, q = fma(g, last, left[i]), fma(g, other, right[i])
        for k in range(stages):
            s, r = state[k, 0], state[k, 1]
            signals[k, i, 0], signals[k, i, 1] = p, q
            states[k, i, 0], states[k, i, 1] = s, r
            state[k, 0], state[k, 1] = fma(c, p, b * s), fma(c, q, b * r)
            p, q = fma(-b, p, c * s), fma(-b, q, c * r)
        last, other = p, q


@jit
def _run_adjoint(count, planes, stages, state, left, right, signals, states, needs_grad, to_b, to_g):
    """The adjoint of ``_run``: gradients of u + v become those of x; those of b and g are of both rows together."""
    last, other = state[stages, 0], state[stages, 1]
    for i in range(count - 1, -1, -1):
        b, c, g = planes[0, i], planes[1, i], planes[2, i]
        slope = -b / c
        p, q = left[i] + last, right[i] + other
        g_b, h_b = 0.0, 0.0
        for k in range(stages - 1, -1, -1):
            s, r = state[k, 0], state[k, 1]
            if needs_grad:
                g_b += p * (slope * states[k, i, 0] - signals[k, i, 0]) + s * (
                    states[k, i, 0] + slope * signals[k, i, 0]
                )
                h_b += q * (slope * states[k, i, 1] - signals[k, i, 1]) + r * (
                    states[k, i, 1] + slope * signals[k, i, 1]
                )
            state[k, 0], state[k, 1] = fma(c, p, b * s), fma(c, q, b * r)
            p, q = fma(-b, p, c * s), fma(-b, q, c * r)
        p, q = p + left[i], q + right[i]
        left[i], right[i] = p, q
        last, other = g * p, g * q
        if needs_grad:
            to_b[i], to_g[i] = g_b + h_b, p * states[stages, i, 0] + q * states[stages, i, 1]
    state[stages, 0], state[stages, 1] = last, other


@jit
def forward(start, stop, x, coef, rows, zi, denormal_threshold, block, y, zf, checkpoints):
    """Run rows ``start`` to ``stop - 1``.

    Args:
        start: first row.
        stop: one past the last row.
        x: (R, T) float32 or float64.
        coef: (Q, T, 1, 2), or (Q, 1, 1, 2) for constant ones, float32 or float64: b and the loop's gain g; (..., 3)
            where the stages are of second order: b1, g and b2.
        rows: (R,) int64, the coefficients that each row uses.
        zi: (R, K, 2) float64: the states of 2 K - 2 stages, or both of K - 1 of second order, the last output, and one
            number that is not used.
        denormal_threshold: states below this become 0 at the end of a tile.
        block: samples a tile.
        y: (R, T), receives u + v.
        zf: (R, K, 2) float64, receives the last states.
        checkpoints: (R, tiles, K, 2) float64, receives the states before each tile, or (R, 0, K, 2).
    """
    T, K = x.shape[1], zi.shape[1]
    planes = np.empty((5, block))
    tile = np.zeros((2, block))
    state = np.zeros((2 * K, 2))
    row = start
    while row < stop:
        pair = 2 if row + 1 < stop and rows[row] == rows[row + 1] else 1
        for j in range(pair):
            state[:, j] = zi[row + j].reshape(-1)
        for first in range(0, T, block):
            count = min(block, T - first)
            if first == 0 or coef.shape[1] > 1:
                _prepare(coef, rows[row], first, count, planes)
            for j in range(pair):
                if checkpoints.shape[1] > 0:
                    checkpoints[row + j, first // block] = state[:, j].copy().reshape((K, 2))
                _copy(x[row + j, first : first + count], tile[j])
            if coef.shape[3] == 3:
                run_second(count, planes, K - 1, state, tile[0], tile[1])
            else:
                _run(count, planes, 2 * K - 2, state, tile[0], tile[1])
            for j in range(pair):
                _flush(state[:, j], denormal_threshold)
                _copy(tile[j], y[row + j, first : first + count])
        for j in range(pair):
            zf[row + j] = state[:, j].copy().reshape((K, 2))
        row += pair


@jit
def backward(start, stop, gy, gzf, x, coef, order, bounds, denormal_threshold, block, checkpoints, gx, gcoef, gzi):
    """The adjoint of ``forward`` for the coefficients ``start`` to ``stop - 1`` and all rows that use them.

    Args:
        start: first of the Q coefficient sequences.
        stop: one past the last.
        gy: (R, T), gradient of the output.
        gzf: (R, K, 2) float64, gradient of the last states.
        x: (R, T), as given to ``forward``.
        coef: (Q, T, 1, 2 or 3) or (Q, 1, 1, 2 or 3).
        order: (R,) int64, the rows sorted by the coefficients they use.
        bounds: (Q + 1,) int64, where in ``order`` each sequence's rows begin.
        denormal_threshold: adjoint states below this become 0.
        block: samples a tile.
        checkpoints: (R, tiles, K, 2) from ``forward``, or (R, 0, K, 2) when ``gcoef`` is not wanted.
        gx: (R, T), receives the gradient of x.
        gcoef: as ``coef``, zeros, its gradient is added, or (0, ...).
        gzi: (R, K, 2) float64, receives the gradient of zi.
    """
    T, K = x.shape[1], gzf.shape[1]
    stages = 2 * K - 2
    needs_grad = gcoef.shape[0] > 0
    time_varying = coef.shape[1] > 1
    planes = np.empty((5, block))
    signals = np.empty((stages, block, 2))
    states = np.empty((stages + 1, block, 2))
    tile, grad = np.zeros((2, block)), np.zeros((2, block))
    to_b, to_g, to_b2 = np.empty(block), np.empty(block), np.empty(block)
    state, adjoint = np.zeros((stages + 2, 2)), np.zeros((stages + 2, 2))
    for q in range(start, stop):
        for place in range(bounds[q], bounds[q + 1], 2):
            pair = min(2, bounds[q + 1] - place)
            if pair == 1:
                tile[1], grad[1], state[:, 1], adjoint[:, 1] = 0.0, 0.0, 0.0, 0.0
            for j in range(pair):
                adjoint[:, j] = gzf[order[place + j]].copy().reshape(-1)
            for number in range((T - 1) // block, -1, -1):
                first = number * block
                count = min(block, T - first)
                _prepare(coef, q, first, count, planes)
                for j in range(pair):
                    row = order[place + j]
                    _copy(gy[row, first : first + count], grad[j])
                    if needs_grad:
                        _copy(x[row, first : first + count], tile[j])
                        state[:, j] = checkpoints[row, number].copy().reshape(-1)
                given = grad[0], grad[1], signals, states, needs_grad, to_b, to_g
                if coef.shape[3] == 3:
                    if needs_grad:
                        run_second_kept(count, planes, K - 1, state, tile[0], tile[1], signals, states)
                    run_second_adjoint(count, planes, K - 1, adjoint, *given, to_b2)
                else:
                    if needs_grad:
                        _run_kept(count, planes, stages, state, tile[0], tile[1], signals, states)
                    _run_adjoint(count, planes, stages, adjoint, *given)
                for j in range(pair):
                    _flush(adjoint[:, j], denormal_threshold)
                    _copy(grad[j], gx[order[place + j], first : first + count])
                if needs_grad:
                    for i in range(count):
                        t = first + i if time_varying else 0
                        gcoef[q, t, 0, 0] += to_b[i]
                        gcoef[q, t, 0, 1] += to_g[i]
                        if coef.shape[3] == 3:
                            gcoef[q, t, 0, 2] += to_b2[i]
            for j in range(pair):
                gzi[order[place + j]] = adjoint[:, j].copy().reshape((K, 2))
