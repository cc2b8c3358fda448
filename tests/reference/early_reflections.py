"""Image sources (Allen and Berkley 1979) at two cardioids: every echo on its own, one sample at a time."""

import cmath
import math
from itertools import product


def read(x, n, d):
    """x(n - d) by Lagrange interpolation through ten samples, or as many as lie in the past."""
    k = math.floor(d)
    half = min(5, k + 1)
    taps = [m for m in range(k - half + 1, k + half + 1) if n >= m]
    if not taps:
        return 0.0
    every = range(k - half + 1, k + half + 1)
    return sum(x[n - m] * math.prod((d - j) / (m - j) for j in every if j != m) for m in taps)


def boomless(x, fs):
    """High-pass at 100 Hz: the sampled poles of Butterworth's, two zeros at 0, and its gain at 100 Hz."""
    w = 2 * math.pi * 100 / fs
    pole, z = cmath.exp(complex(-1, 1) * math.sqrt(0.5) * w), cmath.exp(1j * w)
    a1, a2 = -2 * pole.real, abs(pole) ** 2
    b = math.sqrt(0.5) * abs(1 + a1 / z + a2 / z**2) / abs(1 - 1 / z) ** 2
    past = [0.0] * 4
    for v in x:
        y = b * (v - 2 * past[0] + past[1]) - a1 * past[2] - a2 * past[3]
        past = [v, past[0], y, past[2]]
        yield y


def twin(
    x, sample_rate, length_m, width_m, height_m, source_distance, source_side, absorption, mix, order=3
):  # fmt: skip
    room = (length_m, width_m, height_m)
    pair = (0.37 * length_m, 0.46 * width_m, 0.4 * height_m)  # x ahead, y to the left
    to_wall = pair[1] if source_side > 0 else width_m - pair[1]
    source = (pair[0] + source_distance * (length_m - pair[0]), pair[1] - source_side * to_wall, pair[2])
    mono = list(boomless([(a + b) / 2 for a, b in zip(x[0], x[-1], strict=True)], sample_rate))
    direct = math.dist(source, pair)
    y = []
    for hand, dry in ((1, x[0]), (-1, x[-1])):
        place = (pair[0], pair[1] + hand * 0.085, pair[2])
        axis = (math.cos(math.radians(55)), hand * math.sin(math.radians(55)))
        wet = [0.0] * len(mono)
        for numbers in product(product(range(-order, order + 1), (0, 1)), repeat=3):
            walls = sum(abs(n - q) + abs(n) for n, q in numbers)
            if not 1 <= walls <= order:
                continue
            image = [(1 - 2 * q) * s + 2 * n * side for (n, q), s, side in zip(numbers, source, room, strict=True)]
            way = math.dist(image, place)
            cosine = sum(a * (i - p) for a, i, p in zip(axis, image, place, strict=False)) / way
            gain = 1.2 * (1 + cosine) / 2 * math.sqrt(1 - absorption) ** walls * direct / way
            delay = ((way - direct) / 343 + 0.001) * sample_rate
            for n in range(max(0, math.floor(delay) - 5), len(mono)):
                wet[n] += gain * read(mono, n, delay)
        y.append([(1 - mix) * a + mix * b for a, b in zip(dry, wet, strict=True)])
    return y
