"""First-order all-passes in series inside a loop of one sample: row by row, tile by tile.

A stage is the normalised ladder (Gray and Markel 1975): y = c s - b x, s <- b s + c x with c = sqrt(1 - b^2), which
keeps the energy of (x, s) whatever b does from sample to sample. Its matrix is symmetric, so it is its own adjoint.

Each stage waits for the one before, so what counts is one multiply-add a stage; left to choose which of two products to
round first, the compiler puts a second multiplication into that chain.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.vector import fma

jit = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})


@jit
def _prepare(coef, q, first, count, planes):
    """Lay out b, c, g of a tile; constant ones to the end of it."""
    filled = count
    if coef.shape[1] > 1:
        for i in range(count):
            planes[0, i] = coef[q, first + i, 0, 0]
            planes[2, i] = coef[q, first + i, 0, 1]
    else:
        filled = planes.shape[1]
        for i in range(filled):
            planes[0, i] = coef[q, 0, 0, 0]
            planes[2, i] = coef[q, 0, 0, 1]
    for i in range(filled):
        b = planes[0, i]
        planes[1, i] = np.sqrt((1.0 - b) * (1.0 + b))


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
def _run_kept(x, row, first, count, planes, stages, state, signals, states):
    """As ``_run``, keeping what enters every stage (last line: what left), and the states before each sample."""
    last = state[stages]
    for i in range(count):
        b, c = planes[0, i], planes[1, i]
        states[stages, i] = last
        signal = np.float64(x[row, first + i]) + planes[2, i] * last
        for k in range(stages):
            s = state[k]
            signals[k, i] = signal
            states[k, i] = s
            state[k] = fma(c, signal, b * s)
            signal = fma(-b, signal, c * s)
        last = signal
    state[stages] = last


@jit
def forward(start, stop, x, coef, rows, zi, denormal_threshold, block, y, zf, checkpoints):
    """Run rows ``start`` to ``stop - 1``.

    Args:
        start: first row.
        stop: one past the last row.
        x: (R, T) float32 or float64.
        coef: (Q, T, 1, 2), or (Q, 1, 1, 2) for constant ones, float32 or float64: b and the loop's gain g.
        rows: (R,) int64, the coefficients that each row uses.
        zi: (R, K, 2) float64: the states of 2 K - 2 stages, the last output, and one number that is not used.
        denormal_threshold: states below this become 0 at the end of a tile.
        block: samples a tile.
        y: (R, T), receives u + v.
        zf: (R, K, 2) float64, receives the last states.
        checkpoints: (R, tiles, K, 2) float64, receives the states before each tile, or (R, 0, K, 2).
    """
    T, K = x.shape[1], zi.shape[1]
    stages = 2 * K - 2
    planes = np.empty((3, block))
    tile = np.zeros((2, block))
    state = np.zeros((stages + 2, 2))
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
            _run(count, planes, stages, state, tile[0], tile[1])
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
        coef: (Q, T, 1, 2) or (Q, 1, 1, 2).
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
    planes = np.empty((3, block))
    signals = np.empty((stages, block))
    states = np.empty((stages + 1, block))
    for q in range(start, stop):
        for place in range(bounds[q], bounds[q + 1]):
            row = order[place]
            state = gzf[row].copy().reshape(-1)
            for tile in range((T - 1) // block, -1, -1):
                first = tile * block
                count = min(block, T - first)
                _prepare(coef, q, first, count, planes)
                if needs_grad:
                    before = checkpoints[row, tile].copy().reshape(-1)
                    _run_kept(x, row, first, count, planes, stages, before, signals, states)
                last = state[stages]
                for i in range(count - 1, -1, -1):
                    b, c = planes[0, i], planes[1, i]
                    slope = -b / c
                    g_y = np.float64(gy[row, first + i])
                    g_signal = g_y + last
                    g_b = 0.0
                    for k in range(stages - 1, -1, -1):
                        g_s = state[k]
                        if needs_grad:
                            s, entered = states[k, i], signals[k, i]
                            g_b += g_signal * (slope * s - entered) + g_s * (s + slope * entered)
                        state[k] = fma(c, g_signal, b * g_s)
                        g_signal = fma(-b, g_signal, c * g_s)
                    g_signal += g_y
                    gx[row, first + i] = g_signal
                    last = planes[2, i] * g_signal
                    if needs_grad:
                        t = first + i if time_varying else 0
                        gcoef[q, t, 0, 0] += g_b
                        gcoef[q, t, 0, 1] += g_signal * states[stages, i]
                state[stages] = last
                _flush(state, denormal_threshold)
            gzi[row] = state.reshape((K, 2))
