"""String ensemble: three lines, each moved by a slow and a fast sine a third of a turn apart, one sample at a time."""

import math

from tests.reference.fractional_read import Reader


def twin(
    x, sample_rate, slow_hz, slow_ms, fast_hz, fast_ms, delay_ms, width, mix, interpolation="lagrange"
):  # fmt: skip
    y = []
    for side, channel in enumerate([x[0], x[-1]]):
        readers, out = [Reader(interpolation) for _ in range(3)], []
        for n, sample in enumerate(channel):
            total = 0.0
            for i, read in enumerate(readers):
                t = n / sample_rate
                ms = delay_ms + slow_ms * math.sin(2 * math.pi * (slow_hz * t + i / 3))
                ms += fast_ms * math.sin(2 * math.pi * (fast_hz * t + i / 3))
                pan = (i - 1) * width * (-1, 1)[side]
                gain = math.sqrt(2) * math.sin(math.pi / 4 * (1 + pan))
                total += gain * read(channel, n, ms / 1000 * sample_rate)
            out.append((1 - mix) * sample + mix * total / math.sqrt(3))
        y.append(out)
    return y
