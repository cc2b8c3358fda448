"""Hum removed: matched notches (Vicanek 2016) at multiples of the mains, each as wide in Hz, mixed with the sound.

Notches that follow run as state variable filters (Zavalishin 2018), whose states stay when their frequency steps.
"""

import cmath
import math
import runpy
from pathlib import Path

from mpmath import mpf, pi

_filters = runpy.run_path(str(Path(__file__).with_name("single_filters.py")))


def drifts(v, sample_rate, freq, L):
    """Heard up to the end of each frame of L samples, in Hz."""
    for k in range(3):
        q = 1 / (2 * math.cos(math.pi * (2 * k + 1) / 12))
        (v,) = _filters["run"]("low_pass", [v], sample_rate, 220.0, q=q)
    rate, found = sample_rate / L, []
    c, d = math.exp(-10 * math.pi / rate), math.exp(-1 / rate)
    z, S = [[0j] * 3 for _ in range(3)], [0j] * 3
    for m, u in enumerate(v[L - 1 :: L]):
        for i, k in enumerate((1, 2, 3)):
            new, before = u * cmath.exp(-2j * math.pi * k * freq * m / rate), z[i][-1]
            for pole in range(3):
                new = z[i][pole] = c * z[i][pole] + (1 - c) * new
            S[i] = d * S[i] + (1 - d) * new * before.conjugate()
        turn = sum(k * s.imag for k, s in zip((1, 2, 3), S, strict=True))
        turn /= sum(k * k * s.real for k, s in zip((1, 2, 3), S, strict=True)) + 1e-14
        found.append(max(-1.0, min(1.0, turn * rate / 2 / math.pi)))
    return found


def following(v, sample_rate, freq, width, orders, L):
    found, memory, y = [0.0, 0.0, *drifts(v, sample_rate, freq, L)], [[0.0, 0.0] for _ in orders], []
    for n, u in enumerate(v):
        if n % L == 0:
            at = freq + found[n // L]
            angles = [(mpf(2) * pi * k * at / sample_rate, mpf(k * at / width)) for k in orders]
            notches = [[list(map(float, p)) for p in _filters["matched"]("notch", w, q, mpf(1))] for w, q in angles]
        for ((b0, b1, b2), (a0, a1, a2)), s in zip(notches, memory, strict=True):
            P, M = a0 + a1 + a2, a0 - a1 + a2
            g, r = math.sqrt(P / M), 2 * (a0 - a2) / math.sqrt(P * M)
            h, b, low = (b0 - b1 + b2) / M, 2 * (b0 - b2) / math.sqrt(P * M), (b0 + b1 + b2) / P
            hp = (u - (r + g) * s[0] - s[1]) / (1 + r * g + g * g)
            bp = g * hp + s[0]
            lp = g * bp + s[1]
            s[:] = g * hp + bp, g * bp + lp
            u = h * hp + b * bp + low * lp
        y.append(u)
    return y


def twin(x, sample_rate, freq_hz, width_hz, amount, num_harmonics=16, series="all", follow=False):
    first, step = {"all": (1, 1), "odd": (1, 2), "even": (2, 2)}[series]
    orders = [k for k in range(first, first + step * num_harmonics, step) if k * 65.0 <= 0.49 * sample_rate]
    y = x
    if follow:
        y = [following(v, sample_rate, freq_hz, width_hz, orders, round(sample_rate / 700)) for v in x]
    else:
        for k in orders:
            y = _filters["run"]("notch", y, sample_rate, k * freq_hz, q=k * freq_hz / width_hz)
    return [[a + amount * (b - a) for a, b in zip(*channels, strict=True)] for channels in zip(x, y, strict=True)]
