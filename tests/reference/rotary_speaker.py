"""Rotary speaker: Smith et al. 2002, a source on a circle before two microphones; see the class for the levels."""

import math

from tests.reference.fractional_read import Reader
from tests.reference.multi_band import split
from tests.reference.oscillator import in_tempo


@in_tempo
def twin(
    x, sample_rate, rate_hz, drum_ratio, crossover_hz, drum_db, radius_m, directivity, distance_m, angle_deg, mix,
    interpolation="lagrange",
):  # fmt: skip
    late = {"linear": 0, "cubic": 1, "lagrange": 4, "sinc": 7}[interpolation]
    low, high = split([sum(now) / len(x) for now in zip(*x, strict=True)], [crossover_hz], sample_rate)
    low = [10 ** (drum_db / 20) * s for s in low]
    pole, dull = math.exp(-2 * math.pi * 2000 / sample_rate), [0.0]
    for s in high:
        dull.append((1 - pole) * s + pole * dull[-1])
    y = []
    for side in (1, -1):
        microphone = (
            distance_m * math.cos(math.radians(side * angle_deg / 2)),
            distance_m * math.sin(math.radians(side * angle_deg / 2)),
        )
        lines, readers, heard = ([], []), (Reader(interpolation), Reader(interpolation)), []
        for n in range(len(high)):
            out = 0.0
            for line, read, turns, horn in zip(lines, readers, (rate_hz, -rate_hz * drum_ratio), (1, 0), strict=True):
                theta = 2 * math.pi * turns * n / sample_rate
                source = (radius_m * math.cos(theta), radius_m * math.sin(theta))
                way = math.dist(microphone, source)
                p = (1 - (microphone[0] * source[0] + microphone[1] * source[1]) / (distance_m * radius_m)) / 2
                bright = (high[n] - dull[n + 1]) * (1 - directivity * p) if horn else 0.0
                rest = (dull[n + 1] if horn else low[n]) * (1 - directivity * p / 2)
                line.append((bright + rest) * distance_m / way)
                out += read(line, n, late + (way - distance_m + radius_m) / 343 * sample_rate)
            dry = x[0 if side == 1 else -1]
            heard.append((1 - mix) * (dry[n - late] if n >= late else 0.0) + mix * out)
        y.append(heard)
    return y
