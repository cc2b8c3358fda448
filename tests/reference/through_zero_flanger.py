"""Through-zero flanger: Bartlett 1970, a copy that runs ahead of and falls behind a delayed one."""

import math

from tests.reference.fractional_read import POINTS, Reader
from tests.reference.oscillator import in_tempo, wave


@in_tempo
def twin(x, sample_rate, rate_hz, depth, delay_ms, mix, shape="sine", interpolation="lagrange", invert=False):
    late = math.ceil(5.0 * sample_rate / 1000) + POINTS[interpolation] // 2 - 1
    y = []
    for channel in x:
        y.append([])
        read = Reader(interpolation)
        for n in range(len(channel)):
            between = depth * delay_ms * sample_rate / 1000 * wave(rate_hz * n / sample_rate, shape)
            moving = read(channel, n, late + between) * (-1 if invert else 1)
            y[-1].append((1 - mix) * (channel[n - late] if n >= late else 0.0) + mix * moving)
    return y
