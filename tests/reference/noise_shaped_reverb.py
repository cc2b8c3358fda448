"""Reverb of noise in bands: decaying bands of a drawn spectrum, summed and convolved, one sample at a time."""

import math

import numpy as np

from tests.reference.fractional_read import shifted


def bands_of_noise(rate, count, seconds, seed):
    size = round(seconds * rate)
    re, im = np.moveaxis(np.random.default_rng(seed).standard_normal((size // 2 + 1, 2, 2)), -1, 0)
    top = min(16000.0, 0.37 * rate)
    centres = [31.5 * (top / 31.5) ** (b / (count - 1)) for b in range(count)]
    f = [max(k, 0.5) / seconds for k in range(size // 2 + 1)]

    def above(b):
        """How much of each frequency lies above the border under band b: a quarter of the distance in transition."""
        if b in (0, count):
            return np.full(len(f), 1.0 - b / count)
        low, high = math.log2(centres[b - 1]), math.log2(centres[b])
        u = [(math.log2(v) - (low + high) / 2) / ((high - low) / 8) for v in f]
        return np.array([0.5 + 0.5 * math.sin(math.pi / 2 * min(max(v, -1), 1)) for v in u])

    for b in range(count):
        weight = (above(b) - above(b + 1))[:, None]
        yield np.fft.irfft((re + 1j * im) * math.sqrt(size / 2) * weight, size, 0).astype(np.float32).astype(float)


def twin(x, sample_rate, predelay_ms, width, mix, num_bands=12, ir_seconds=2.0, seed=0, **bands):
    count, size = len(x[0]), round(ir_seconds * sample_rate)
    h, energy = np.zeros((2, count)), 0.0
    top = min(16000.0, 0.37 * sample_rate)
    edges = [31.5 * (top / 31.5) ** ((b - 0.5) / (num_bands - 1)) for b in range(num_bands + 1)]
    edges = np.log(np.clip([20.0, *edges[1:-1], 1e9], 20.0, 3500.0)) / math.log(3500 / 20)
    for b, noise in enumerate(bands_of_noise(sample_rate, num_bands, ir_seconds, seed), 1):
        gain = 10 ** (bands[f"band_{b}_gain_db"] / 20)
        decay = 10 ** (-3 / (bands[f"band_{b}_decay_s"] * sample_rate))
        energy += sum(gain**2 * decay ** (2 * n) for n in range(size)) * (edges[b] - edges[b - 1])
        for n in range(count):
            h[:, n] += gain * decay**n * noise[n]
    h = [shifted(row, predelay_ms * sample_rate / 1000) for row in h / math.sqrt(energy)]
    x = x if len(x) == 2 else [x[0], x[0]]
    wet = [[sum(h[c][j] * x[c][n - j] for j in range(n + 1)) for n in range(count)] for c in (0, 1)]
    side = [(width - 1) * (a - b) / 2 for a, b in zip(*wet, strict=True)]
    return [
        [(1 - mix) * x[c][n] + mix * (wet[c][n] + (side[n] if c == 0 else -side[n])) for n in range(count)]
        for c in (0, 1)
    ]
