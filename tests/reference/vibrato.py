"""Vibrato: DAFX 2nd ed. 2.6.1, a delay that an oscillator moves, one sample at a time."""

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


def wave(turns, shape):
    if shape == "triangle":
        turns %= 1.0
        return 4 * turns if turns < 0.25 else 2 - 4 * turns if turns < 0.75 else 4 * turns - 4
    sine = math.sin(2 * math.pi * turns)
    return sine if shape == "sine" else math.tanh(8 * sine) / math.tanh(8)


def twin(x, sample_rate, rate_hz, depth, shape="sine", interpolation="lagrange"):
    latency = POINTS[interpolation] // 2 - 1
    y = []
    for channel in x:
        y.append([])
        for n in range(len(channel)):
            swing = 1 + wave(rate_hz * n / sample_rate - 0.25, shape)
            d = latency + depth * 0.0025 * sample_rate * swing
            y[-1].append(read(channel, n, d, POINTS[interpolation], 0))
    return y
