"""Numba kernels of the causal sweep: where a bin's phase comes from, frame by frame, and its sum along the way."""

from __future__ import annotations

import math

import numpy as np

from diffFx_pytorch.kernels import njit


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def loudest_path_rows(start, stop, level, state, source):  # pragma: no cover
    """Bin of the last frame that each bin of this one continues, along the path whose weakest bin is loudest.

    Args:
        start: first row.
        stop: one beyond the last row.
        level: (rows, frames, bins).
        state: level of the frame before the first, (rows, bins).
        source: filled, int64 (rows, frames, bins).
    """
    frames = level.shape[1]
    bins = level.shape[2]
    weakest = np.empty(bins, level.dtype)
    origin = np.empty(bins, np.int64)
    for row in range(start, stop):
        for n in range(frames):
            here = level[row, n]
            last = state[row] if n == 0 else level[row, n - 1]
            # From the bins above, downwards ...
            reach = -np.inf
            found = bins - 1
            for k in range(bins - 1, -1, -1):
                weakest[k] = reach
                origin[k] = found
                if last[k] >= reach:
                    reach = last[k]
                    found = k
                reach = min(reach, here[k])
            # ... and from those below, upwards: straight on in time is preferred, then the louder side.
            reach = -np.inf
            found = 0
            for k in range(bins):
                if last[k] >= reach and last[k] >= weakest[k]:
                    source[row, n, k] = k
                elif reach >= weakest[k]:
                    source[row, n, k] = found
                else:
                    source[row, n, k] = origin[k]
                if last[k] >= reach:
                    reach = last[k]
                    found = k
                reach = min(reach, here[k])


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def carry_rows(start, stop, source, advance, state, phase):  # pragma: no cover
    """``phase[n, k] = phase[n - 1, source[n, k]] + advance[n, k]``, within half a turn of 0.

    Args:
        start: first row.
        stop: one beyond the last row.
        source: int64 (rows, frames, bins).
        advance: (rows, frames, bins).
        state: phase of the frame before the first, (rows, bins).
        phase: filled, (rows, frames, bins).
    """
    turn = 2 * math.pi
    for row in range(start, stop):
        for n in range(advance.shape[1]):
            last = state[row] if n == 0 else phase[row, n - 1]
            for k in range(advance.shape[2]):
                p = float(last[source[row, n, k]]) + float(advance[row, n, k])
                phase[row, n, k] = p - turn * math.floor(p / turn + 0.5)


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def carry_backward_rows(start, stop, source, grad, total, first):  # pragma: no cover
    """The adjoint of ``carry_rows``: every frame's gradient goes back to the bins it came from.

    Args:
        start: first row.
        stop: one beyond the last row.
        source: int64 (rows, frames, bins).
        grad: of the phase, (rows, frames, bins).
        total: filled with the gradient of the advance, (rows, frames, bins).
        first: filled with that of the phase before the first frame, (rows, bins).
    """
    frames = grad.shape[1]
    bins = grad.shape[2]
    for row in range(start, stop):
        total[row] = grad[row]
        first[row] = 0.0
        for n in range(frames - 1, -1, -1):
            for k in range(bins):
                j = source[row, n, k]
                if n:
                    total[row, n - 1, j] += total[row, n, k]
                else:
                    first[row, j] += total[row, n, k]
