"""Reading a signal between its samples, one sample at a time: what the twins of delays share."""

import math

POINTS = {"lagrange": 10, "cubic": 4, "linear": 2}


def read(x, n, d, points, youngest):
    """x(n - d) through the samples around it, as many as lie in the past (Laakso et al. 1996, eq. 42)."""
    k = math.floor(d)
    half = min(points // 2, k + 1 - youngest)
    taps = range(k - half + 1, k + half + 1)
    total = 0.0
    for m in taps:
        weight = math.prod((d - j) / (m - j) for j in taps if j != m)
        total += weight * (x[n - m] if n >= m else 0.0)
    return total
