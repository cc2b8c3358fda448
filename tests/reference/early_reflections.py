"""Image sources (Allen and Berkley 1979) at two cardioids: every echo on its own, one sample at a time."""

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


def twin(
    x, sample_rate, length_m, width_m, height_m, source_distance, source_side, absorption, mix, order=3
):  # fmt: skip
    room = (length_m, width_m, height_m)
    pair = (0.37 * length_m, 0.46 * width_m, 0.4 * height_m)  # x ahead, y to the left
    to_wall = pair[1] if source_side > 0 else width_m - pair[1]
    source = (pair[0] + source_distance * (length_m - pair[0]), pair[1] - source_side * to_wall, pair[2])
    mono = [(a + b) / 2 for a, b in zip(x[0], x[-1], strict=True)]
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
            gain = (1 + cosine) / 2 * math.sqrt(1 - absorption) ** walls * direct / way
            delay = ((way - direct) / 343 + 0.001) * sample_rate
            for n in range(max(0, math.floor(delay) - 5), len(mono)):
                wet[n] += gain * read(mono, n, delay)
        y.append([(1 - mix) * a + mix * b for a, b in zip(dry, wet, strict=True)])
    return y
