"""Bass made mono: Linkwitz 1976; two Butterworth filters in series a band, by the bilinear transform."""

import math


def butterworth(x, freq_hz, rate, high):
    t = math.tan(math.pi * freq_hz / rate)
    norm = 1 + math.sqrt(2) * t + t * t
    b = (1, -2, 1) if high else (t * t, 2 * t * t, t * t)
    x1 = x2 = y1 = y2 = 0.0
    y = []
    for x0 in x:
        y0 = (b[0] * x0 + b[1] * x1 + b[2] * x2 - 2 * (t * t - 1) * y1 - (1 - math.sqrt(2) * t + t * t) * y2) / norm
        x1, x2, y1, y2 = x0, x1, y0, y1
        y.append(y0)
    return y


def twin(x, sample_rate, freq_hz):
    def band(signal, high):
        return butterworth(butterworth(signal, freq_hz, sample_rate, high), freq_hz, sample_rate, high)

    mid = [(left + right) / 2 for left, right in zip(*x, strict=True)]
    side = band([(left - right) / 2 for left, right in zip(*x, strict=True)], True)
    mid = [low + high for low, high in zip(band(mid, False), band(mid, True), strict=True)]
    pairs = list(zip(mid, side, strict=True))
    return [[m + s for m, s in pairs], [m - s for m, s in pairs]]
