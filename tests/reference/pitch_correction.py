"""Slow twin of PitchCorrection: one frame, one grain, one sample at a time (McLeod and Wyvill 2005, Moulines 1990)."""

import math

from tests.reference.fractional_read import Reader

KEYS = ["C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"]
SCALES = {
    "chromatic": range(12),
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
}


def period_of(frames, shortest, longest):
    N, n = len(frames[0]), {}
    for lag in range(shortest - 1, longest + 2):
        pairs = [(f[j], f[j + lag]) for f in frames for j in range(N - lag)]
        n[lag] = 2 * sum(a * b for a, b in pairs) / (sum(a * a + b * b for a, b in pairs) + 2e-10 * N)
    peaks = [k for k in range(shortest, longest + 1) if n[k - 1] < n[k] >= n[k + 1]]
    k = next((k for k in peaks if n[k] >= 0.9 * max(n[p] for p in peaks)), None)
    if k is None:
        return shortest, 0.0
    off = 0.5 * (n[k + 1] - n[k - 1]) / (2 * n[k] - n[k - 1] - n[k + 1])
    return k + off, n[k] + 0.25 * (n[k + 1] - n[k - 1]) * off


def twin(x, sample_rate, speed_ms, amount, transpose, a4_hz, clarity, link=True, **options):
    if not link:
        return [twin([c], sample_rate, speed_ms, amount, transpose, a4_hz, clarity, **options)[0] for c in x]
    scale, key = options.get("scale", "chromatic"), KEYS.index(options.get("key", "C"))
    notes = [note + key - 9 for note in (SCALES[scale] if isinstance(scale, str) else scale)]
    shortest = max(2, math.floor(sample_rate / options.get("highest_hz", 1000.0)))
    longest = max(shortest + 1, math.ceil(sample_rate / options.get("lowest_hz", 80.0)))
    H, D, T = max(1, longest // 4), longest + max(1, longest // 4), len(x[0])
    rate, tune, wave = sample_rate / H, 12 * math.log2(a4_hz / 440), [0.0] * (2 * longest)
    mean_hold, hold = math.exp(-1000 / (rate * options.get("note_ms", 150.0))), math.exp(-1000 / (rate * speed_ms))
    q = b = s = c = v = 0.0
    last = now = (0.0, 0.0, 0.0)
    cycles, ahead, moved, quiet, delays, out = 0.0, 0.0, 0.0, 0, (D, D), [[] for _ in x]
    theta = 0.0
    readers = [Reader("lagrange") for _ in x]
    for t in range(T):
        if (t + 1) % H == 0:
            frames = [(wave + list(ch))[t + 1 : t + 1 + 2 * longest] for ch in x]
            period, clear = period_of(frames, shortest, longest)
            before, z = v, min(max((clear - clarity) / 0.2 + 0.5, 0.0), 1.0)
            v = z * z * (3 - 2 * z)
            q += v * (12 * math.log2(sample_rate / 440 / period) - q)
            keep = before * (1 - v * (1 - mean_hold))
            b = keep * b + (1 - keep) * q
            keep *= 1 - min(max((abs(q - b) - 0.7) / 0.7, 0.0), 1.0)
            s = keep * s + (1 - keep) * q
            near = [n + 12 * round((s - tune - n) / 12) for n in notes]
            note = min(near, key=lambda n: abs(n - (s - tune))) + tune
            c += v * (1 - hold) * (note - q - c)
            last, now = now, (v * (amount * c + transpose), q, v)
        shift, pitch, voiced = (p + (n - p) * ((t + 1) % H) / H for p, n in zip(last, now, strict=True))
        r, P = 2 ** (shift / 12), sample_rate / 440 * 2 ** (-pitch / 12)
        cycles, quiet = cycles + 1 / P, 0 if voiced else quiet + 1
        ahead = ahead + (r - 1) / P if voiced else 0.0
        moved = moved + (r - 1) / P if quiet <= 2 * longest else 0.0
        before, theta = theta, cycles + moved
        z = theta % 1
        if math.floor(theta) > math.floor(before):
            coming = ahead + (1 - z) * (r - 1) / r
            delays = (delays[1], D - (coming - round(coming)) * P)
        h = 1 - (1 - min(r, 1.0)) ** 2
        weights = [0.5 + 0.5 * math.cos(math.pi * u / h) if u < h else 0.0 for u in (z, 1 - z)]
        for ch, y, reader in zip(x, out, readers, strict=True):
            y.append(sum(w * reader(ch, t, d) for w, d in zip(weights, delays, strict=True)))
    return out
