"""FDNReverb: Jot and Chaigne 1991 with Schroeder all-passes before it, one sample at a time."""

import itertools
import math

import numpy as np


def prime(n):
    near = sorted(range(2, n + 400), key=lambda k: (abs(k - n), k))
    return next(k for k in near if all(k % d for d in range(2, math.isqrt(k) + 1)))


def read(w, d, points):
    """w(n - d), w ending with n, through the points around it (Laakso et al. 1996, eq. 42)."""
    k = math.floor(d)
    half = max(1, min(points // 2, k + 1))
    taps = range(k - half + 1, k + half + 1)
    weights = [math.prod((d - j) / (m - j) for j in taps if j != m) for m in taps]
    return sum(c * w[-1 - m] for c, m in zip(weights, taps, strict=True) if m < len(w))


def shelves(edges, gains, level, order, fs):
    """Low shelves (Butterworth, order 1 twice or 2) in dB, times a level in dB, as sections b, a."""
    sections = []
    for f, g in zip(edges, gains, strict=True):
        s, t = np.poly1d([1.0, -1.0]), np.poly1d([1.0, 1.0]) * math.tan(math.pi * f / fs)
        a = 10 ** (float(g) / 80)
        middle = 2.0 if order == 1 else math.sqrt(2)
        num, den = (s * s + middle * c * s * t + c * c * t * t for c in (a, 1 / a))
        sections.append((num.coeffs / den.coeffs[0] * 10 ** (level / 20), den.coeffs / den.coeffs[0]))
        level = 0.0
    return sections


def octave(m, decays, fs):
    centres = sorted(decays)
    edges = [math.sqrt(a * b) for a, b in itertools.pairwise(centres)]
    want = np.array([-60 * m / fs / decays[f] for f in centres])

    def powers(f):
        return [(math.tan(math.pi * f / fs) / math.tan(math.pi * e / fs)) ** 4 for e in edges]

    def level(g, f):
        G = [10 ** (v / 20) for v in g[:-1]]
        return g[-1] + sum(10 * math.log10((x + v) / (x + 1 / v)) for x, v in zip(powers(f), G, strict=True))

    S = np.linalg.inv(np.array([[1 / (1 + x) for x in powers(f)] + [1.0] for f in centres])).T
    g = want @ S
    for _ in range(5):
        g = np.clip(g + (want - [level(g, f) for f in centres]) @ S, -140 / math.log(10), 140 / math.log(10))
    steps = np.geomspace(centres[0] / 2, 0.499 * fs, 24 * len(centres) + 1)
    over = max(0.0, max(level(g, f) for f in [1e-9, *steps]) - max(want) / 1.25)
    return shelves(edges, g[:-1], g[-1] - over, 2, fs)


def three_band(m, decay_s, low, high, f_low, f_high, fs):
    mid = -60 * m / fs / decay_s
    to_low, to_high = mid / low - mid, mid / high - mid
    # A high shelf is a low shelf of the opposite gain, raised by it.
    return shelves((f_low, f_high), (to_low, -to_high), mid + to_high, 1, fs)


def matrix_of(kind, N, seed):
    if kind == "hadamard":
        return np.array([[(-1) ** (i & j).bit_count() for j in range(N)] for i in range(N)]) / math.sqrt(N)
    if kind == "householder":
        return np.eye(N) - 2 / N
    Q, R = np.linalg.qr(np.random.default_rng(seed).standard_normal((N, N)))
    return Q * np.sign(np.diag(R))


def twin(
    x, sample_rate, size, predelay_ms, diffusion, tone, width, mix, num_lines=8, matrix="hadamard", decay=None,
    modulation=False, compute=None, seed=0, mod_rate_hz=0.0, mod_depth_ms=0.0, freezable=False, freeze=0.0, **decays,
):  # fmt: skip
    fs, N, g = sample_rate, num_lines, 0.7 * diffusion
    x = x if len(x) == 2 else [x[0], x[0]]
    m = [prime(round(0.021 * (67 / 21) ** (i / (N - 1)) * size * fs)) for i in range(N)]
    octaves = {int(k[6:-4]): v for k, v in decays.items() if k.endswith("hz_s")}
    a = [octave(k, octaves, fs) for k in m] if octaves else []
    if not octaves:
        b = [
            decays[k] / (1 - freeze) if k == "decay_s" else decays[k]
            for k in ("decay_s", "decay_low_ratio", "decay_high_ratio", "crossover_low_hz", "crossover_high_hz")
        ]
        a = [three_band(k, *b, fs) for k in m]
    M, lines, states = matrix_of(matrix, N, seed), [[] for _ in m], [[[0.0, 0.0] for _ in s] for s in a]
    lengths = [[prime(round(ms / 1000 * fs)) for ms in side] for side in ((2.1, 3.7, 6.1), (2.3, 3.3, 6.7))]
    chains = [[[] for _ in side] for side in lengths]
    T = [t for f, t in octaves.items() if f <= 2000] or [decays["decay_s"]]
    energy = np.mean([1 / math.expm1(6 * math.log(10) * np.mean(m) / fs / t) for t in T])
    level = math.sqrt(1 / (energy + 1 / 50))
    k, w, tilt, y = 10 ** (6 * tone / 20), math.tan(math.pi * min(1000 / fs, 0.25)), [0.0, 0.0], [[], []]
    for n in range(len(x[0])):
        d = []
        for c in range(2):
            e = (1 - freeze) * read(x[c][: n + 1], predelay_ms / 1000 * fs, 10)
            for line, length in zip(chains[c], lengths[c], strict=True):
                v = line[n - length] if n >= length else 0.0
                line.append(e + g * v)
                e = v - g * line[-1]
            d.append(e)
        u = []
        for i in range(N):
            move = mod_depth_ms / 1000 * fs * math.sin(2 * math.pi * (mod_rate_hz * n / fs + i / N))
            v = read([*lines[i], 0.0], m[i] + move, 4 if modulation else 2)
            for (b, den), s in zip(a[i], states[i], strict=True):
                out = b[0] * v + s[0]
                s[0], s[1], v = b[1] * v - den[1] * out + s[1], b[2] * v - den[2] * out, out
            u.append(v)
        for i in range(N):
            lines[i].append(math.sqrt(2 / N) * d[i % 2] + sum(M[i, j] * u[j] for j in range(N)))
        wet = [level * sum((-1) ** (i // 2) * u[i] for i in range(c, N, 2)) for c in range(2)]
        for c in range(2):
            out = ((k + w) * wet[c] + tilt[c]) / (1 + w * k)
            tilt[c], wet[c] = (w - k) * wet[c] - (w * k - 1) * out, out
        for c in range(2):
            middle, side = (wet[c] + wet[1 - c]) / 2, (wet[c] - wet[1 - c]) / 2
            y[c].append((1 - mix) * x[c][n] + mix * math.sqrt(2 / (1 + width**2)) * (middle + width * side))
    return y
