"""Gated and reverse reverb: noise of a drawn spectrum under an envelope, and the sum over it, one sample at a time."""

import math

import numpy as np

from tests.reference.fractional_read import shifted
from tests.reference.one_poles import poles


def darker(h, low, below):
    left = under = 0.0
    for v in h:
        left = low * left + (1 - low) * v
        under = below * under + (1 - below) * left
        yield left - under


def twin(
    x, sample_rate, predelay_ms, length_ms, slope_db, gate_ms, lowpass_hz, highpass_hz, width, mix,
    ir_seconds=1.5, seed=0,
):  # fmt: skip
    count, size = len(x[0]), round((ir_seconds + 0.3) * sample_rate)
    re, im = np.moveaxis(np.random.default_rng(seed).standard_normal((size // 2 + 1, 2, 2)), -1, 0)
    noise = np.fft.irfft((re + 1j * im) * math.sqrt(size / 2), size, 0).astype(np.float32).astype(float).T
    length, gate = length_ms / 1000 * sample_rate, gate_ms / 1000 * sample_rate
    envelope = []
    for n in range(size):
        shut = 0.0 if n < length else 1.0 if n > length + gate else (1 - math.cos(math.pi * (n - length) / gate)) / 2
        envelope.append((1 - shut) * 10 ** (slope_db / 20 * min(n / (length + gate), 1)))
    norm = 0.98 / math.sqrt(sum(e * e for e in envelope))
    low, below = poles(sample_rate, lowpass_hz, highpass_hz)
    sides = []
    for side in noise:
        h = [norm * e * v for e, v in zip(envelope[:count], side[:count], strict=True)]
        h += [0.0] * (count - len(h))
        sides.append(list(darker(shifted(h, predelay_ms * sample_rate / 1000), low, below)))
    x = x if len(x) == 2 else [x[0], x[0]]
    wet = [[sum(sides[c][j] * x[c][n - j] for j in range(n + 1)) for n in range(count)] for c in (0, 1)]
    half = [(width - 1) * (a - b) / 2 for a, b in zip(*wet, strict=True)]
    return [
        [(1 - mix) * x[c][n] + mix * (wet[c][n] + (half[n] if c == 0 else -half[n])) for n in range(count)]
        for c in (0, 1)
    ]
