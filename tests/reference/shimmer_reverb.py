"""A feedback delay network with Dattorro's moving taps (1997, part 2) in two of four lines, one sample at a time."""

import math

from tests.reference.one_poles import poles
from tests.reference.plate_reverb import ago, keys, later


def prime(n):
    """The nearest, the smaller of two."""
    found = [p for p in range(2, round(n) + 40) if all(p % k for k in range(2, math.isqrt(p) + 1))]
    return min(found, key=lambda p: (abs(p - round(n)), p))


def all_pass(line, length, x, c, gain=1.0):
    late = gain * ago(line, length)
    line.append(x + c * late)
    return late - c * line[-1]


def twin(
    x, sample_rate, decay_s, shimmer, semitones, size, damping_hz, predelay_ms, width, mix, freezable=False, freeze=0.0
):  # fmt: skip
    ms, is_open = sample_rate / 1000, 1 - freeze
    gamma = lambda n, share=1.0: 10 ** (-3 * share * n / (sample_rate * decay_s))  # noqa: E731
    lengths, held = [prime(size * m * ms) for m in (41, 53, 67, 83)], [prime(m * ms) for m in (11.3, 13.7, 16.9, 19.1)]
    r, theta, dull = (
        2 ** (semitones / 12),
        math.pi / 2 * shimmer * is_open,
        is_open * poles(sample_rate, damping_hz, 20.0)[0],
    )
    level = (1 + math.exp(-((semitones / 2) ** 2)) * math.sin(2 * theta)) ** -0.5
    soft, low = math.exp(-2 * math.pi * 7000 / sample_rate / r), math.exp(-2 * math.pi * 60 / sample_rate)
    inlet = is_open * math.sqrt(1 - gamma((sum(lengths) + sum(held)) / 4) ** 2)
    u = [later([2.0 * inlet * a for a in side], predelay_ms * ms) for side in (x[0], x[-1])]
    diffusers = [prime(m * ms) for m in (4.7, 7.9, 12.7, 3.7, 8.3, 9.7)]
    before, lines, inside, climbing = ([[] for _ in range(6)] for _ in range(4))
    f, tone, wet = [0.0] * 4, [[0.0] * 3 for _ in range(2)], [[], []]
    for n in range(len(u[0])):
        v, c = [u[0][n], u[1][n]], []
        for k in range(6):
            v[k // 3] = all_pass(before[k], diffusers[k], v[k // 3], 0.7)
        for i in range(4):
            f[i] = dull * f[i] + (1 - dull) * ago(lines[i], lengths[i])
            c.append(all_pass(inside[i], held[i], gamma(lengths[i], is_open) / 2 * f[i], 0.6, gamma(held[i], is_open)))
        for i, window in enumerate((80 * ms, 97 * ms)):
            places = [(0.5 + (1 - r) * n / window + k) % 1 for k in (0, 0.5)]
            h = sum(math.sin(math.pi * p) ** 2 * keys(climbing[i], 10 * ms + window * p) for p in places)
            t = tone[i]
            t[0] = soft * t[0] + (1 - soft) * c[i]
            t[1] = soft * t[1] + (1 - soft) * t[0]
            t[2] = low * t[2] + (1 - low) * t[1]
            climbing[i].append(t[1] - t[2])
            kept = gamma(10 * ms + window / 2, is_open) * math.sqrt(min(1, r))
            c[i] = level * (math.cos(theta) * c[i] + math.sin(theta) * kept * h)
        a, b, c, d = c
        for i, back in enumerate(
            (a + b + c + d + v[0], a - b + c - d + v[1], a + b - c - d - v[0], a - b - c + d - v[1])
        ):
            lines[i].append(back)
        wet[0].append(a - c)
        wet[1].append(b - d)
    near, far = (1 + width) / 2, (1 - width) / 2
    return [
        [(1 - mix) * o + mix * (near * p + far * q) for o, p, q in zip(dry, one, other, strict=True)]
        for dry, one, other in ((x[0], *wet), (x[-1], *wet[::-1]))
    ]
