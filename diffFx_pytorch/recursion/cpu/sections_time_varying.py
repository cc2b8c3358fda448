"""Cascades of time-varying biquads, row by row: few rows (`time_varying_lanes` takes many), and the adjoint.

Transposed direct form 2 at every sample: y[n] = b0[n] x[n] + s1[n-1], s1[n] = b1[n] x[n] - a1[n] y[n] + s2[n-1],
s2[n] = b2[n] x[n] - a2[n] y[n], each coefficient over a0[n]. The next output's sum stays open by its last term,
-a1[n] y[n], so that one multiply-add separates successive outputs; two sections run in the same loop to hide the rest.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit

from .biquad_tile import BLOCK

jit = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})


@jit
def _flush(value, denormal_threshold):
    return 0.0 if abs(value) < denormal_threshold else value


@jit
def _read(sos, row, t, k):
    """b0 b1 b2 a1 a2 over a0, in float64."""
    b0, b1, b2 = np.float64(sos[row, t, k, 0]), np.float64(sos[row, t, k, 1]), np.float64(sos[row, t, k, 2])
    a0, a1, a2 = np.float64(sos[row, t, k, 3]), np.float64(sos[row, t, k, 4]), np.float64(sos[row, t, k, 5])
    if a0 != 1.0:
        scale = 1.0 / a0
        return b0 * scale, b1 * scale, b2 * scale, a1 * scale, a2 * scale
    return b0, b1, b2, a1, a2


@jit
def _sections(sos, row, first, count, k, signals, source, target, state, denormal_threshold, two):
    """Run section ``k``, or ``k`` and ``k + 1``, over a tile of ``signals``, from line ``source`` to ``target``.

    With two sections the signal between them goes to the line after ``source``.
    """
    p, q, y1, y2, a1_1, a2_1, a2_2 = state[k, 0], state[k, 1], 0.0, 0.0, 0.0, 0.0, 0.0
    if not two:
        for i in range(count):
            b0, b1, b2, a1, a2 = _read(sos, row, first + i, k)
            x = signals[source, i]
            y = ((b0 * x + p) - a2_2 * y2) - a1_1 * y1
            p, q = b1 * x + q, b2 * x
            a1_1, a2_1, a2_2, y1, y2 = a1, a2, a2_1, y, y1
            signals[target, i] = y
    else:
        r, s, z1, z2, c1_1, c2_1, c2_2 = state[k + 1, 0], state[k + 1, 1], 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(count):
            b0, b1, b2, a1, a2 = _read(sos, row, first + i, k)
            x = signals[source, i]
            y = ((b0 * x + p) - a2_2 * y2) - a1_1 * y1
            p, q = b1 * x + q, b2 * x
            a1_1, a2_1, a2_2, y1, y2 = a1, a2, a2_1, y, y1
            signals[source + 1, i] = y
            b0, b1, b2, a1, a2 = _read(sos, row, first + i, k + 1)
            z = ((b0 * y + r) - c2_2 * z2) - c1_1 * z1
            r, s = b1 * y + s, b2 * y
            c1_1, c2_1, c2_2, z1, z2 = a1, a2, c2_1, z, z1
            signals[target, i] = z
        state[k + 1, 0] = _flush((r - c2_2 * z2) - c1_1 * z1, denormal_threshold)
        state[k + 1, 1] = _flush(s - c2_1 * z1, denormal_threshold)
    state[k, 0] = _flush((p - a2_2 * y2) - a1_1 * y1, denormal_threshold)
    state[k, 1] = _flush(q - a2_1 * y1, denormal_threshold)


@jit
def _cascade(sos, row, first, count, signals, state, denormal_threshold):
    """Fill lines 1 .. K of ``signals`` with the outputs of the sections, from line 0."""
    K = sos.shape[2]
    for k in range(0, K - 1, 2):
        _sections(sos, row, first, count, k, signals, k, k + 2, state, denormal_threshold, True)
    if K % 2:
        _sections(sos, row, first, count, K - 1, signals, K - 1, K, state, denormal_threshold, False)


@jit
def forward(start, stop, x, sos, rows, zi, denormal_threshold, y, zf, checkpoints):
    """Filter rows ``start`` to ``stop - 1``.

    Args:
        start: first row.
        stop: one past the last row.
        x: (R, T) float32 or float64.
        sos: (Q, T, K, 6) float32 or float64.
        rows: (R,) int64, the coefficients that each row uses.
        zi: (R, K, 2) float64.
        denormal_threshold: states below this become 0 at the end of a tile.
        y: (R, T), receives the output.
        zf: (R, K, 2) float64, receives the last states.
        checkpoints: (R, tiles, K, 2) float64, receives the states before each tile, or (R, 0, K, 2).
    """
    T, K = x.shape[1], sos.shape[2]
    signals = np.empty((K + 1, BLOCK))
    keep = checkpoints.shape[1] > 0
    for row in range(start, stop):
        state = zi[row].copy()
        for first in range(0, T, BLOCK):
            count = min(BLOCK, T - first)
            if keep:
                checkpoints[row, first // BLOCK] = state
            for i in range(count):
                signals[0, i] = x[row, first + i]
            _cascade(sos, rows[row], first, count, signals, state, denormal_threshold)
            for i in range(count):
                y[row, first + i] = signals[K, i]
        zf[row] = state


@jit
def _adjoint(sos, q, first, count, k, signals, signal, state, denormal_threshold, gsos, add, needs_grad):
    w1, w2 = state[k, 0], state[k, 1]
    for i in range(count - 1, -1, -1):
        b0, b1, b2, a1, a2 = _read(sos, q, first + i, k)
        w = (signal[i] - a2 * w2) - a1 * w1
        signal[i] = (b1 * w1 + b2 * w2) + b0 * w
        if needs_grad:
            x, y = signals[k, i], signals[k + 1, i]
            scale = 1.0
            if sos[q, first + i, k, 3] != 1.0:
                scale = 1.0 / np.float64(sos[q, first + i, k, 3])
            g0, g1, g2, h1, h2 = scale * w * x, scale * w1 * x, scale * w2 * x, scale * w1 * y, scale * w2 * y
            h0 = (a1 * h1 + a2 * h2) - (b0 * g0 + b1 * g1 + b2 * g2)
            if add:
                gsos[q, first + i, k, 0] += g0
                gsos[q, first + i, k, 1] += g1
                gsos[q, first + i, k, 2] += g2
                gsos[q, first + i, k, 3] += h0
                gsos[q, first + i, k, 4] -= h1
                gsos[q, first + i, k, 5] -= h2
            else:
                gsos[q, first + i, k, 0] = g0
                gsos[q, first + i, k, 1] = g1
                gsos[q, first + i, k, 2] = g2
                gsos[q, first + i, k, 3] = h0
                gsos[q, first + i, k, 4] = -h1
                gsos[q, first + i, k, 5] = -h2
        w1, w2 = w, w1
    state[k, 0], state[k, 1] = _flush(w1, denormal_threshold), _flush(w2, denormal_threshold)


@jit
def backward(start, stop, gy, gzf, x, sos, order, bounds, denormal_threshold, checkpoints, gx, gsos, gzi):
    """The adjoint of ``forward`` for the coefficients ``start`` to ``stop - 1`` and all rows that use them.

    w[n] = gy[n] - a1[n] w[n+1] - a2[n] w[n+2] is the gradient of the section's output, its feedback included.

    Args:
        start: first of the Q coefficient sequences.
        stop: one past the last.
        gy: (R, T), gradient of the output.
        gzf: (R, K, 2) float64, gradient of the last states.
        x: (R, T), as given to ``forward``.
        sos: (Q, T, K, 6).
        order: (R,) int64, the rows sorted by the coefficients they use.
        bounds: (Q + 1,) int64, where in ``order`` each sequence's rows begin.
        denormal_threshold: adjoint states below this become 0.
        checkpoints: (R, tiles, K, 2) from ``forward``, or (R, 0, K, 2) when ``gsos`` is not wanted.
        gx: (R, T), receives the gradient of x.
        gsos: as ``sos``, receives its gradient, or (0, T, K, 6).
        gzi: (R, K, 2) float64, receives the gradient of zi.
    """
    T, K = x.shape[1], sos.shape[2]
    needs_grad = gsos.shape[0] > 0
    signals = np.empty((K + 1, BLOCK))
    signal = np.empty(BLOCK)
    for q in range(start, stop):
        for place in range(bounds[q], bounds[q + 1]):
            row = order[place]
            state = gzf[row].copy()
            for tile in range((T - 1) // BLOCK, -1, -1):
                first = tile * BLOCK
                count = min(BLOCK, T - first)
                if needs_grad:
                    for i in range(count):
                        signals[0, i] = x[row, first + i]
                    _cascade(sos, q, first, count, signals, checkpoints[row, tile].copy(), denormal_threshold)
                for i in range(count):
                    signal[i] = gy[row, first + i]
                for k in range(K - 1, -1, -1):
                    _adjoint(
                        sos,
                        q,
                        first,
                        count,
                        k,
                        signals,
                        signal,
                        state,
                        denormal_threshold,
                        gsos,
                        place > bounds[q],
                        needs_grad,
                    )
                for i in range(count):
                    gx[row, first + i] = signal[i]
            gzi[row] = state
