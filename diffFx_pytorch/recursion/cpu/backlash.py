"""Numba kernel of the backlash."""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def backlash_rows(start, stop, x, width, zi, source, lifted):  # pragma: no cover
    """For each sample the one its output comes from (0 the state, t + 1 sample t), and whether the width is on top."""
    moves = width.shape[1] > 1
    for row in range(start, stop):
        last = zi[row, 0]
        origin = np.int64(0)
        up = False
        gap = width[row, 0]
        for t in range(x.shape[1]):
            value = x[row, t]
            if moves:
                gap = width[row, t]
            if value >= last:
                last, origin, up = value, t + 1, False
            elif value + gap < last:
                last, origin, up = value + gap, t + 1, True
            source[row, t] = origin
            lifted[row, t] = up
