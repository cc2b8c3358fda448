"""Numba kernels of a sum of plays."""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def forward(start, stop, x, x_row, knobs, knobs_row, zi, zi_row, _, y, zf):  # pragma: no cover
    """Every play follows when its end of the gap is reached; the outputs are their mean and the input, mixed."""
    count = zf.shape[1]
    for row in range(start, stop):
        xs, both = x[x_row[row]], knobs[knobs_row[row]]
        moves = both.shape[0] > 1
        state = zf[row]
        for k in range(count):
            state[k] = zi[zi_row[row], k]
        for t in range(y.shape[1]):
            u = np.float64(xs[t])
            h = np.float64(both[t if moves else 0, 0])
            step = np.float64(both[t if moves else 0, 1]) / count
            total = 0.0
            for k in range(count):
                r = step * (k + 1)
                value = max(u - r, min(state[k], u + r))
                state[k] = value
                total += value
            y[row, t] = u + h * (total / count - u)


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def backward(start, stop, gy, gzf, x, x_row, knobs, knobs_row, zi, zi_row, _, gx, gknobs, gzi):  # pragma: no cover
    """What comes later is owed to the sample at which a play last moved: sums that run back to it.

    The plays are computed again, for where they moved (1 up, -1 down) and for their mean.
    """
    count, samples = zi.shape[1], gy.shape[1]
    moved = np.empty((samples, count), np.int8)
    mean = np.empty(samples, np.float64)
    state, owed = np.empty(count, np.float64), np.empty(count, np.float64)
    for row in range(start, stop):
        xs, both = x[x_row[row]], knobs[knobs_row[row]]
        moves = both.shape[0] > 1
        for k in range(count):
            state[k], owed[k] = zi[zi_row[row], k], gzf[row, k]
        for t in range(samples):
            u, step = np.float64(xs[t]), np.float64(both[t if moves else 0, 1]) / count
            total = 0.0
            for k in range(count):
                r, went = step * (k + 1), 0
                if state[k] < u - r:
                    state[k], went = u - r, 1
                elif state[k] > u + r:
                    state[k], went = u + r, -1
                moved[t, k] = went
                total += state[k]
            mean[t] = total / count
        to_share, to_reach = 0.0, 0.0
        for t in range(samples - 1, -1, -1):
            g, h = np.float64(gy[row, t]), np.float64(both[t if moves else 0, 0])
            to_x, widening = (1.0 - h) * g, 0.0
            for k in range(count):
                owed[k] += g * h / count
                if moved[t, k] != 0:
                    to_x += owed[k]
                    widening -= owed[k] * moved[t, k] * (k + 1) / count
                    owed[k] = 0.0
            gx[row, t] = to_x
            to_share += g * (mean[t] - xs[t])
            to_reach += widening
            if moves:
                gknobs[row, t, 0], gknobs[row, t, 1] = g * (mean[t] - xs[t]), widening
        if not moves:
            gknobs[row, 0, 0], gknobs[row, 0, 1] = to_share, to_reach
        for k in range(count):
            gzi[row, k] = owed[k]
