"""Reading a signal between its samples, one sample at a time: what the twins of delays share."""

import math

POINTS = {"sinc": 16, "lagrange": 10, "cubic": 4, "linear": 2}


def bessel(v):
    return sum((v / 2) ** (2 * k) / math.factorial(k) ** 2 for k in range(30))


def lagrange(taps, d):
    """Laakso et al. 1996, eq. 42."""
    return [math.prod((d - j) / (m - j) for j in taps if j != m) for m in taps]


def kaiser_sinc(taps, d):
    """A sinc under Kaiser's window with beta 6, of sum 1."""
    weights = []
    for m in taps:
        r = d - m
        sinc = math.sin(math.pi * r) / (math.pi * r) if r else 1.0
        weights.append(sinc * bessel(6 * math.sqrt(max(1 - (2 * r / len(taps)) ** 2, 0.0))))
    return [w / sum(weights) for w in weights]


class Reader:
    """x(n - d) through the samples around it, as many as lie in the past.

    The recursive kind is Thiran's all-pass of the first order (Laakso et al. 1996, eq. 86) for fractions from 0.5 to
    1.5, and linear under them where no younger sample lies in the past.
    """

    def __init__(self, interpolation, youngest=0):
        self.interpolation, self.youngest, self.last = interpolation, youngest, 0.0

    def __call__(self, x, n, d):
        def ago(m):
            return x[n - m] if n >= m else 0.0

        if self.interpolation == "allpass":
            k = max(math.floor(d - 0.5), self.youngest)
            f = d - k
            a = (1 - f) / (1 + f)
            linear = (1 - f) * ago(k) + f * ago(k + 1)
            self.last = linear if f < 0.5 else a * ago(k) + ago(k + 1) - a * self.last
            return self.last
        k = math.floor(d)
        half = min(POINTS[self.interpolation] // 2, k + 1 - self.youngest)
        design = kaiser_sinc if half == 8 else lagrange
        half = half if half == 8 else min(half, 6)
        taps = range(k - half + 1, k + half + 1)
        return sum(w * ago(m) for w, m in zip(design(taps, d), taps, strict=True))


def shifted(h, d):
    """h(n - d) by Lagrange's interpolation through 10 points, fewer where less lies in the past."""
    k = math.floor(d)
    half = min(5, k + 1)
    taps = range(k - half + 1, k + half + 1)
    weights = [math.prod((d - j) / (m - j) for j in taps if j != m) for m in taps]
    return [sum(w * h[n - m] for w, m in zip(weights, taps, strict=True) if 0 <= n - m < len(h)) for n in range(len(h))]
