"""Tremolo: DAFX 2nd ed. 3.3.4, a gain moved by an oscillator between 1 - depth and 1."""

import math


def wave(turns, shape):
    if shape == "triangle":
        turns %= 1.0
        return 4 * turns if turns < 0.25 else 2 - 4 * turns if turns < 0.75 else 4 * turns - 4
    sine = math.sin(2 * math.pi * turns)
    return sine if shape == "sine" else math.tanh(8 * sine) / math.tanh(8)


def twin(x, sample_rate, rate_hz, depth, phase_deg, shape="sine"):
    y = []
    for channel in x:
        y.append([])
        for n, sample in enumerate(channel):
            o = wave(rate_hz * n / sample_rate + phase_deg / 360, shape)
            y[-1].append(sample * (1 - depth * (1 - o) / 2))
    return y
