"""Vibrato: DAFX 2nd ed. 2.6.1, a delay that an oscillator moves, one sample at a time."""

import math

from tests.reference.fractional_read import POINTS, read


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
