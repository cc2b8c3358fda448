"""Tilt equaliser: (G s + 1) / (s + G), s = (1 - 1/z) / (1 + 1/z) / tan(pi f / fs), one sample at a time."""

import math


def twin(x, sample_rate, tilt_db, pivot_hz):
    G, k = 10 ** (tilt_db / 20), math.tan(math.pi * pivot_hz / sample_rate)
    result = []
    for channel in x:
        x1 = y1 = 0.0
        y = []
        for u in channel:
            v = ((G + k) * u + (k - G) * x1 - (G * k - 1) * y1) / (1 + G * k)
            x1, y1 = u, v
            y.append(v)
        result.append(y)
    return result
