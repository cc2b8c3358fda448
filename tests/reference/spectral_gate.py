"""SpectralGate: after Boll 1979, with a gate for the subtraction; frame by frame, band by band."""

import math
from statistics import NormalDist

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, polygamma


def twin(
    x, sample_rate, threshold_db, reduction_db, attack_ms, release_ms, smoothing_hz,
    noise="follow", quantile=0.1, window_ms=32.0, link=True,
):  # fmt: skip
    N = 2 ** round(math.log2(window_ms * sample_rate / 1000))
    H, F, T = N // 4, N // 2 + 1, len(x[0])
    w = [math.sin(math.pi * n / N) for n in range(N)]
    ends = range(H, T + 1, H)
    scale = 4 / sum(w) ** 2

    def spectra(channel):
        padded = [0.0] * N + list(channel)
        return [np.fft.rfft([w[n] * padded[end + n] for n in range(N)]) for end in ends]

    def decibels(power):
        return 10 * math.log10(power * scale + 1e-12)

    def hold(seconds):
        return math.exp(-H / (sample_rate * seconds))

    def spread(row):
        c = math.exp(-sample_rate / N / smoothing_hz)
        for step in (1, -1):
            before, row = row[::step][0], row[::step]
            row = [before := (1 - c) * v + c * before for v in row][::step]
        return row

    def below_mean():
        """How far the estimate lies under the mean: gamma of shape k by Wilson and Hilferty, or a normal expectile."""
        c, normal = math.exp(-sample_rate / N / smoothing_hz), NormalDist()
        k = (len(x) if link else 1) * (1 + c) ** 3 / (1 - c**3)
        if noise == "quantile":
            return -10 * math.log10(max(1 - 1 / (9 * k) + normal.inv_cdf(quantile) / (3 * math.sqrt(k)), 0.05) ** 3)
        up, down = 1 - hold(2.0), 1 - hold(0.05)
        e = brentq(lambda e: (up - down) * (normal.pdf(e) - e * (1 - normal.cdf(e))) - down * e, -8, 8)
        return -10 / math.log(10) * (digamma(k) - math.log(k) + e * math.sqrt(polygamma(1, k)))

    bias = below_mean() if isinstance(noise, str) else 0.0
    X = [spectra(channel) for channel in x]
    powers = np.abs(X) ** 2
    powers = [np.mean(powers, 0)] * len(x) if link else powers
    if not isinstance(noise, str):
        recorded = [np.fft.rfft(np.multiply(w, noise[s : s + N])) for s in range(0, len(noise) - N + 1, H)]
        floor = [decibels(p) for p in spread(np.mean(np.abs(recorded) ** 2, 0))]
    result = []
    for channel, spectrum, power in zip(x, X, powers, strict=True):
        taken, shut = np.zeros(T + N), [1.0] * F
        levels = [[decibels(p) for p in spread(frame)] for frame in power]
        if noise == "quantile":
            floor = [np.quantile([frame[f] for frame in levels], quantile) for f in range(F)]
        if noise == "follow":
            floor = [level - 10 * math.log10(sum(v * v for v in w[-H:]) / (N / 2)) for level in levels[0]]
        for end, frame, level in zip(ends, spectrum, levels, strict=True):
            if noise == "follow":
                c = [hold(2.0 if a > b else 0.05) for a, b in zip(level, floor, strict=True)]
                floor = [k * b + (1 - k) * a for k, a, b in zip(c, level, floor, strict=True)]
            z = [1 / (1 + math.exp((a - b - bias - threshold_db) / 1.5)) for a, b in zip(level, floor, strict=True)]
            c = [hold((release_ms if a > b else attack_ms) / 1000) for a, b in zip(z, shut, strict=True)]
            shut = [k * b + (1 - k) * a for k, a, b in zip(c, z, shut, strict=True)]
            share = [1 - 10 ** (-reduction_db * s / 20) for s in shut]
            taken[end : end + N] += np.multiply(w, np.fft.irfft(frame * share, N)) / 2
        late = [0.0] * (N - 1) + list(channel)
        result.append([late[n] - taken[n + 1] for n in range(T)])
    return result
