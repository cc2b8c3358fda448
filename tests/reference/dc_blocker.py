"""DC blocker: J. O. Smith, a zero on DC and a pole beside it, by the bilinear transform of s / (s + 2 pi f)."""

import math


def twin(x, sample_rate, freq_hz):
    t = math.tan(math.pi * freq_hz / sample_rate)
    y = []
    for channel in x:
        y.append([])
        before, out = 0.0, 0.0
        for sample in channel:
            out = (sample - before + (1 - t) * out) / (1 + t)
            before = sample
            y[-1].append(out)
    return y
