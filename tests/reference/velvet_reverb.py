"""Filtered velvet noise (Valimaki et al. 2017): pulses one by one, each segment through all low-passes before it."""

import math

import numpy as np

from tests.reference.fractional_read import shifted
from tests.reference.one_poles import poles


def filtered(h, pole, below=None):
    """A one-pole low-pass, and what another one leaves out."""
    left = under = 0.0
    for v in h:
        left = pole * left + (1 - pole) * v
        if below is not None:
            under = below * under + (1 - below) * left
        yield left - under


def damping(q, omega):
    """The pole of the one-pole low-pass whose gain at omega is q, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(200):
        c = (low + high) / 2
        high, low = (c, low) if (1 - c) ** 2 < q * q * (1 - 2 * c * math.cos(omega) + c * c) else (high, c)
    return (low + high) / 2


def twin(
    x, sample_rate, predelay_ms, decay_s, decay_high_ratio, lowpass_hz, highpass_hz, width, mix,
    density=2000.0, ir_seconds=2.5, seed=0,
):  # fmt: skip
    rng, count, size = np.random.default_rng(seed), len(x[0]), round(ir_seconds * sample_rate)
    starts = [round(size * (i / 24) ** 1.5) for i in range(25)]
    low, below = poles(sample_rate, lowpass_hz, highpass_hz)
    extra = 1 / (decay_high_ratio * decay_s) - 1 / decay_s
    omega = 2 * math.pi * min(8000 / sample_rate, 0.4)
    energy, sides = 0.0, []
    for _ in (0, 1):
        h = [0.0] * count
        segments = [[0.0] * count for _ in range(24)]
        for m, (r, s) in enumerate(rng.random((int(ir_seconds * density), 2))):
            k = math.floor((m + r) * sample_rate / density)
            amp = 10 ** (-3 * k / sample_rate / decay_s)
            energy += amp * amp / 2
            if k < count:
                segments[max(i for i in range(24) if starts[i] <= k)][k] = amp if s >= 0.5 else -amp
        for i in range(23, 0, -1):
            q = 10 ** (-3 * (starts[i] - starts[i - 1]) / sample_rate * extra)
            through = filtered(segments[i], damping(q, omega)) if any(segments[i]) else segments[i]
            segments[i - 1] = [a + b for a, b in zip(segments[i - 1], through, strict=True)]
        h = segments[0]
        sides.append(list(filtered(shifted(h, predelay_ms * sample_rate / 1000), low, below)))
    x, norm = (x if len(x) == 2 else [x[0], x[0]]), 1 / math.sqrt(energy)
    wet = [[norm * sum(sides[c][j] * x[c][n - j] for j in range(n + 1)) for n in range(count)] for c in (0, 1)]
    half = [(width - 1) * (a - b) / 2 for a, b in zip(*wet, strict=True)]
    return [
        [(1 - mix) * x[c][n] + mix * (wet[c][n] + (half[n] if c == 0 else -half[n])) for n in range(count)]
        for c in (0, 1)
    ]
