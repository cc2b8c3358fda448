"""Vibrato: DAFX 2nd ed. 2.6.1, a delay that an oscillator moves, one sample at a time."""

from tests.reference.fractional_read import POINTS, Reader
from tests.reference.oscillator import in_tempo, wave


@in_tempo
def twin(x, sample_rate, rate_hz, depth, start_deg, shape="sine", interpolation="lagrange"):
    latency = POINTS[interpolation] // 2 - 1
    y = []
    for channel in x:
        y.append([])
        read = Reader(interpolation)
        for n in range(len(channel)):
            swing = 1 + wave(rate_hz * n / sample_rate - 0.25 + start_deg / 360, shape)
            d = latency + depth * 0.0025 * sample_rate * swing
            y[-1].append(read(channel, n, d))
    return y
