"""Tape: a sum of plays and tanh (Moree and Leijon 2023), a tape that swings, exp(-2 pi f d / v), bump and high-pass."""

import functools
import math
import runpy
from pathlib import Path

import numpy as np
from scipy.integrate import quad

from tests.reference.fractional_read import Reader
from tests.reference.stage import fir, half_band

_run = runpy.run_path(str(Path(__file__).with_name("single_filters.py")))["run"]


def magnetised(u, h, c):
    plays, m = [0.0] * 4, []
    for s in u:
        for k in range(4):
            r = c * (k + 1) / 4
            plays[k] = max(s - r, min(plays[k], s + r))
        m.append(math.tanh((1 - h) * s + h * sum(plays) / 4))
    return m


def loss(seconds, sample_rate):
    """The inverse transform of exp(-2 pi f d / v), under a Hann window of 3 ms, of sum 1."""
    reach, a = max(4, round(0.0015 * sample_rate)), seconds * sample_rate
    half = [
        quad(lambda v: 2 * math.exp(-2 * math.pi * v * a), 0, 0.5, weight="cos", wvar=2 * math.pi * n, epsabs=1e-14)[0]
        * (0.5 + 0.5 * math.cos(math.pi * n / reach))
        for n in range(reach)
    ]
    h = half[:0:-1] + half
    return [v / sum(h) for v in h]


def twin(
    x, sample_rate, drive_db, hysteresis, coercivity, wow_hz, wow_percent, flutter_hz, flutter_percent, spacing_um,
    bump_hz, bump_db, mix, output_db, noise_db=None, noise=False, seed=0, speed_ips=15.0, oversampling=4,
):  # fmt: skip
    stages = oversampling.bit_length() - 1
    filters = [functools.partial(fir, h=half_band(m)) for m in (32, 8, 6)[:stages]]
    h = loss(spacing_um * 1e-6 / (0.0254 * speed_ips), sample_rate)
    late = (0, 64, 72, 75)[stages] + 4 + len(h) // 2
    first, second = np.random.default_rng(seed).random((2, 2**18), dtype=np.float32).astype(float).tolist()
    hiss = 0.0 if noise_db is None else math.sqrt(6) * 10 ** (noise_db / 20)
    swings = [
        (f, p / 100 * sample_rate / (2 * math.pi * f))
        for f, p in ((wow_hz, wow_percent), (flutter_hz, flutter_percent))
    ]
    y = []
    for c, channel in enumerate(x):
        u = [10 ** (drive_db / 20) * s for s in channel]
        for taps in filters:
            u = taps([2 * s if k == 0 else 0.0 for s in u for k in (0, 1)])
        w = magnetised(u, hysteresis, coercivity)
        for taps in reversed(filters):
            w = taps(w)[::2]
        read, v = Reader("lagrange"), []
        for n in range(len(w)):
            d = sum(far * (1 - math.cos(2 * math.pi * f * n / sample_rate)) for f, far in swings)
            m = (n + 162013 * c) % 2**18
            v.append(read(w, n, 4 + d) + hiss * (first[m] - second[m]))
        v = _run("peak", [fir(v, h)], sample_rate, bump_hz, q=1.0, gain_db=bump_db)
        v = _run("high_pass", v, sample_rate, 10.0, slope_db_per_octave=6)[0]
        dry = [0.0] * late + channel
        y.append([10 ** (output_db / 20) * ((1 - mix) * a + mix * b) for a, b in zip(dry, v, strict=False)])
    return y
