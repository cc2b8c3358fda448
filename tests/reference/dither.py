"""Dither: Lipshitz et al. 1992; the difference of two uniform numbers is added before rounding to the step."""

import numpy as np


def twin(x, sample_rate, amount, bits=16, quantize=True, seed=0):
    first, second = np.random.default_rng(seed).random((2, 2**18), dtype=np.float32).tolist()
    step = 2.0 ** (1 - bits)
    y = []
    for c, channel in enumerate(x):
        y.append([])
        for n, sample in enumerate(channel):
            m = (n + 162013 * c) % 2**18
            steps = sample / step + amount * (first[m] - second[m])
            y[-1].append(step * (round(steps) if quantize else steps))
    return y
