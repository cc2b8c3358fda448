"""Numba kernel of the running maximum."""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def running_max_rows(start, stop, x, window, index):  # pragma: no cover
    """``index[t]`` is where the largest of ``x[t : t + window]`` stands; the last of equal ones.

    The candidates, those with nothing larger after them, wait in a ring in falling order; each sample enters and leaves
    it once, so the cost does not depend on the window.

    References:
        D. Lemire, "Streaming maximum-minimum filter using no more than three comparisons per element", Nordic Journal
        of Computing 13(4), 2006.
    """
    size = 1
    while size < window:
        size *= 2
    mask = size - 1
    ring = np.empty(size, np.int64)
    for row in range(start, stop):
        head = 0
        tail = 0
        for n in range(x.shape[1]):
            value = x[row, n]
            if tail > head and ring[head & mask] <= n - window:
                head += 1
            while tail > head and not x[row, ring[(tail - 1) & mask]] > value:
                tail -= 1
            ring[tail & mask] = n
            tail += 1
            if n >= window - 1:
                index[row, n - window + 1] = ring[head & mask]
