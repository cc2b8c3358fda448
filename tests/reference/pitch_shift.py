"""Slow twin of PitchShift: frame by frame, peak by peak, every output sample of a frame as a sum over the bins."""

import cmath
import math

import numpy as np


def kept(level, r, order):
    """E(r k) / E(k) of the true envelope (Roebel and Rodet 2005), no more than 24 dB."""
    F, power = len(level), level**2
    N, order, target = 2 * F - 2, max(2, min(F - 1, order)), 0.5 * np.log(power + 1e-7 * power.max() + 1e-24)
    plain, k = target, np.arange(F)
    weights = [(0.5 + 0.5 * math.cos(math.pi * q / order)) * (1 if q == 0 else 2) for q in range(order)]
    ends = np.where((k == 0) | (k == F - 1), 1, 2)
    for _ in range(6):
        waves = [np.cos(2 * math.pi * k * q / N) for q in range(order)]
        smooth = sum(w * (ends * target * wave).sum() / N * wave for w, wave in zip(weights, waves, strict=True))
        target = np.maximum(plain, smooth)
    place = np.minimum(r * k, F - 1)
    i, even = np.minimum(place.astype(int), F - 2), np.concatenate([smooth[1:2], smooth, smooth[-2:-1]])
    t, (a, b, c, d) = (
        place - i,
        (even[i + n] for n in range(4)),
    )  # Catmull and Rom: through b and c, slopes c - a, d - b
    moved = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * b - a - 3 * c + d)))
    return np.exp(np.minimum(moved - smooth, 24 * math.log(10) / 20))


def twin(
    x, sample_rate, semitones, cents, window_ms=46.0, method="locked", link=True, formants="move", envelope_ms=3.5
):
    x, r = np.asarray(x), 2 ** (semitones / 12 + cents / 1200)
    if not link and len(x) > 1:
        return np.concatenate(
            [twin([c], sample_rate, semitones, cents, window_ms, method, True, formants, envelope_ms) for c in x]
        )
    C, T = x.shape
    N = 2 ** round(math.log2(max(16, window_ms * sample_rate / 1000)))
    H, F = N // 8, N // 2 + 1
    rising = [u - math.sin(2 * math.pi * u) / (2 * math.pi) for u in (0.5 - 1 / 16, 0.5 + 1 / 16)]
    padded = np.pad(x, ((0, 0), (N // 2, N)))
    y, weight, theta, old = np.zeros((C, T)), np.zeros(T), np.zeros(F), np.zeros((C, F))
    for m in range(math.ceil(T / H) + 1):
        w = 0.5 - 0.5 * np.cos(2 * math.pi * np.arange(N) / N)
        X = np.fft.rfft(w * padded[:, m * H : m * H + N]) * (-1.0) ** np.arange(F)
        level, before, ahead = np.linalg.norm(X, axis=0), np.linalg.norm(old, axis=0), np.zeros(F)
        for k in range(F):
            expected = 2 * math.pi * k * H / N
            whole = cmath.exp(-2j * math.pi * (k * H % N) / N)  # exactly 1 at Nyquist, whose phase would be -pi or pi
            more = cmath.phase(sum(X[:, k] * old[:, k].conj()) * whole)
            ahead[k] = theta[k] + (r - 1) * (expected + more)
        theta = np.zeros(F)
        source = list(range(F))
        if method == "locked":
            for k in range(F):  # uphill to the peak
                while 0 < source[k] < F - 1 or (source[k] == 0 and level[0] < level[1]):
                    p = source[k]
                    if p and level[p] > level[p - 1] and level[p] >= level[p + 1]:
                        break
                    source[k] = p + 1 if p == 0 or level[p + 1] > level[p - 1] else p - 1
                if source[k] == F - 1 and level[F - 1] <= level[F - 2]:
                    source[k] = source[F - 2]
                p = source[k]
                theta[k] = 0 if level[p] > rising[1] / rising[0] * before[p] else ahead[p]
        elif before.any():
            heap, done = [(before[k], k, True) for k in range(F)], set()
            while len(done) < F:
                heap.sort()
                _, k, past = heap.pop()
                for j in {k} if past else {max(k - 1, 0), min(k + 1, F - 1)} - done:
                    if j not in done:
                        across = cmath.phase(sum(X[:, max(j, k)] * X[:, min(j, k)].conj()))
                        theta[j] = ahead[j] if past else theta[k] + (j - k) * (r - 1) * across
                        done.add(j)
                        heap.append((level[j], j, False))
        old, k = X, np.arange(F)
        if formants == "keep":
            X = X * kept(level, r, round(envelope_ms * sample_rate / 1000))
        share = np.where((k == 0) | (k == N // 2), 1, 2) / N * np.clip(N / (2 * r) - k + 2, 0, 1)
        for n in range(T):
            u = (n - m * H) * r
            if abs(u) < N / 2:
                fade = 0.5 + 0.5 * math.cos(2 * math.pi * u / N)
                y[:, n] += fade * (X * share * np.exp(1j * (theta + 2 * math.pi * k * u / N))).sum(1).real
                weight[n] += fade**2
    return y / weight
