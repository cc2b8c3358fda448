"""One echo: DAFX 2nd ed. 2.5, one sample at a time, with Lagrange's interpolation."""

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


def twin(x, sample_rate, mix, tempo_bpm=None, interpolation="lagrange", delay_ms=None, delay_beats=None):
    d = (delay_ms / 1000 if tempo_bpm is None else delay_beats * 60 / tempo_bpm) * sample_rate
    points = POINTS[interpolation]
    return [[(1 - mix) * v + mix * read(c, n, d, points, 0) for n, v in enumerate(c)] for c in x]
