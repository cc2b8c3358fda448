"""Ring modulation: DAFX 2nd ed. 3.3.1, the product with an oscillator."""

import math


def wave(turns, shape):
    if shape == "triangle":
        turns %= 1.0
        return 4 * turns if turns < 0.25 else 2 - 4 * turns if turns < 0.75 else 4 * turns - 4
    sine = math.sin(2 * math.pi * turns)
    return sine if shape == "sine" else math.tanh(8 * sine) / math.tanh(8)


def twin(x, sample_rate, freq_hz, mix, shape="sine"):
    y = []
    for channel in x:
        y.append([])
        for n, sample in enumerate(channel):
            y[-1].append((1 - mix) * sample + mix * sample * wave(freq_hz * n / sample_rate, shape))
    return y
