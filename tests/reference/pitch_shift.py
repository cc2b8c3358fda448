"""Slow twin of PitchShift: frame by frame, peak by peak, every output sample of a frame as a sum over the bins."""

import cmath
import math

import numpy as np


def twin(x, sample_rate, semitones, cents, window_ms=46.0, method="locked", link=True):
    x, r = np.asarray(x), 2 ** (semitones / 12 + cents / 1200)
    if not link and len(x) > 1:
        return np.concatenate([twin([c], sample_rate, semitones, cents, window_ms, method) for c in x])
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
        share = np.where((k == 0) | (k == N // 2), 1, 2) / N * np.clip(N / (2 * r) - k + 2, 0, 1)
        for n in range(T):
            u = (n - m * H) * r
            if abs(u) < N / 2:
                fade = 0.5 + 0.5 * math.cos(2 * math.pi * u / N)
                y[:, n] += fade * (X * share * np.exp(1j * (theta + 2 * math.pi * k * u / N))).sum(1).real
                weight[n] += fade**2
    return y / weight
