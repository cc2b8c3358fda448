"""Numba kernel of a short convolution, summed in float64."""

from __future__ import annotations

import numpy as np

from .allpole import jit
from .buffers import aligned_zeros, copy_run

TILE = 512


@jit
def fir_rows(start, stop, x, b, x_row, b_row, y):
    """Rows ``start`` to ``stop - 1`` of ``y[t] = sum_k b[k] x[t - k]``, x silent before time zero.

    Args:
        start: first row.
        stop: the row after the last.
        x: (X, T) input.
        b: (B, K) coefficients, in the type of y.
        x_row: (R,) which row of x a row of y reads.
        b_row: (R,) which row of b.
        y: (R, T) output in float64 or complex128, written.
    """
    lags, samples = b.shape[1] - 1, x.shape[1]
    reach = aligned_zeros(lags + TILE, b)
    for r in range(start, stop):
        reach[:lags] = 0.0
        row, taps = x[x_row[r]], b[b_row[r]]
        for t in range(0, samples, TILE):
            count = min(TILE, samples - t)
            copy_run(row[t : t + count], reach[lags:])
            out = y[r, t : t + count]
            out[:] = 0.0
            for k in range(lags + 1):
                _add_scaled(taps[k], reach[lags - k : lags - k + count], out)
            copy_run(reach[count : count + lags], reach)


@jit
def _add_scaled(c, x, y):
    for k in range(np.uintp(x.size)):
        y[k] += c * x[k]
