"""Freeverb (Smith 2010, "Freeverb"): combs and all-passes as difference equations, one sample at a time."""

import math

COMBS = (1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617)
ALL_PASSES = (556, 441, 341, 225)


def later(x, d):
    """x(n - d) by Lagrange interpolation through 10 points, fewer where less lies in the past."""
    k, y = int(d), []
    half = min(5, k + 1)
    taps = range(k - half + 1, k + half + 1)
    for n in range(len(x)):
        total = 0.0
        for m in taps:
            weight = 1.0
            for j in taps:
                weight *= (d - j) / (m - j) if j != m else 1.0
            total += weight * (x[n - m] if n >= m else 0.0)
        y.append(total)
    return y


def comb(u, length, feedback, damping):
    w, f = [0.0] * length, 0.0
    for n in range(len(u)):
        f = damping * f + (1 - damping) * w[n]
        w.append(u[n] + feedback * f)
    return w[: len(u)]


def all_pass(x, length):
    y, padded = [0.0] * length, [0.0] * length + list(x)
    for n in range(len(x)):  # y[n] = -x[n] + 1.5 x[n - N] + 0.5 y[n - N]
        y.append(-x[n] + 1.5 * padded[n] + 0.5 * y[n])
    return y[length:]


def twin(x, sample_rate, room_size, damping, predelay_ms, width, mix, freezable=False, freeze=0.0):
    left, right = x[0], x[-1]
    u = later(
        [(1 - freeze) * 0.0208 * (a + b) for a, b in zip(left, right, strict=True)], predelay_ms / 1000 * sample_rate
    )
    d = 0.4 * damping
    c = 1 / (2 * max(d, 1e-9) / (1 - d) ** 2 * (sample_rate / 44100) ** 2)  # 1 - 2 (1 + c) p + p^2 = 0
    pole = 1 + c - math.sqrt(c * (2 + c))
    wet = []
    for longer in (0, 23):
        lengths = [sample_rate * (length + longer) // 44100 for length in COMBS]
        echoes = [comb(u, length, (0.7 + 0.28 * room_size) ** (1 - freeze), (1 - freeze) * pole) for length in lengths]
        v = [sum(e) for e in zip(*echoes, strict=True)]
        for length in ALL_PASSES:
            v = all_pass(v, sample_rate * (length + longer) // 44100)
        wet.append(v)
    near, far = (1 + width) / 2, (1 - width) / 2
    return [
        [(1 - mix) * d + mix * (near * a + far * b) for d, a, b in zip(dry, one, other, strict=True)]
        for dry, one, other in ((left, *wet), (right, *wet[::-1]))
    ]
