"""The waves of low-frequency oscillators: what the twins of modulations share."""

import math


def wave(turns, shape):
    if shape == "triangle":
        turns %= 1.0
        return 4 * turns if turns < 0.25 else 2 - 4 * turns if turns < 0.75 else 4 * turns - 4
    sine = math.sin(2 * math.pi * turns)
    return sine if shape == "sine" else math.tanh(8 * sine) / math.tanh(8)
