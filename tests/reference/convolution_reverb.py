"""Convolution reverb: the sum of the convolution, one sample at a time, with the room the effect builds in."""

import functools
import math

import numpy as np
import soxr

from tests.reference.fractional_read import shifted
from tests.reference.one_poles import poles


@functools.cache
def room(channels):
    rate = 44100
    v, u = np.random.default_rng(20).standard_normal((round(1.2 * rate), channels)), np.zeros(channels)
    h = []
    for n, noise in enumerate(v):
        t = n / rate
        c = math.exp(-2 * math.pi * (1500 + 10500 * math.exp(-t / 0.25)) / rate)
        u = (1 - c) * noise + c * u
        h.append((1 - math.exp(-t / 0.008)) * 10 ** (-3 * t / 0.9) * u)
    return np.array(h).T


def pink(h, rate):
    """Power for noise with as much in every octave of 20 Hz .. 3.5 kHz."""
    points = max(2 * h.shape[1], math.ceil(rate / 2))
    f = np.arange(points) * rate / points
    heard = np.flatnonzero((f >= 20) & (f <= 3500))
    return (abs(np.fft.fft(h, points)[:, heard]) ** 2 / f[heard]).sum(1) / (1 / f[heard]).sum()


def decayed(h, rate):
    """Nepers along T20 of the response from its peak, until its noise or 60 dB."""
    energy = (h**2).sum(0)
    peak, frame, size = int(energy.argmax()), round(0.01 * rate), len(energy)
    means = [energy[i : i + frame].sum() / frame for i in range(0, size, frame)]
    end = min(size, frame * (1 + max(i for i, e in enumerate(means) if e > 10 * energy[int(0.9 * size) :].mean())))
    level = 10 * np.log10(np.cumsum(energy[peak:end][::-1])[::-1] / energy[peak:end].sum())
    fit = np.flatnonzero((level <= -5) & (level >= -25))
    t60 = -60 / np.polyfit(fit / rate, level[fit], 1)[0]
    return [min(6.907755278982137 * min(max(n - peak, 0), end - peak - 1) / rate / t60, 6.907755278982137) for n in range(size)]  # fmt: skip  # noqa: E501


def filtered(h, low, high):
    left = below = 0.0
    for v in h:
        left = low * left + (1 - low) * v
        below = high * below + (1 - high) * left
        yield left - below


def mixed(x, wet, width, mix):
    side = [(width - 1) * (a - b) / 2 for a, b in zip(*wet, strict=True)]
    wet = [[a + s for a, s in zip(wet[0], side, strict=True)], [b - s for b, s in zip(wet[1], side, strict=True)]]
    return [[(1 - mix) * d + mix * w for d, w in zip(x[c % len(x)], wet[c], strict=True)] for c in (0, 1)]


def twin(
    x, sample_rate, predelay_ms, decay, lowpass_hz, highpass_hz, width, mix,
    true_stereo=False, normalize=True, trim=False, latency=0, ir=None,
):  # fmt: skip
    h, rate = (room(4 if true_stereo else 2), 44100) if ir is None else (np.asarray(ir), sample_rate)
    if normalize:
        power = pink(h, rate)
        h = h / math.sqrt(max(power[:2] + power[2:] if true_stereo else power))
    if rate != sample_rate:
        h = soxr.resample(h.T.copy(), rate, sample_rate, quality="VHQ").T * (rate / sample_rate)
    if trim:
        left = np.cumsum((h**2).sum(0)[::-1])[::-1]
        first = int(np.flatnonzero((abs(h) >= 1e-3 * abs(h).max()).any(0))[0])
        h = h[:, first : int((left > 1e-9 * left[0]).sum())]
    tau, count = decayed(h, sample_rate), len(x[0])
    shaped = []
    for row in h:
        row = [v * math.exp((1 - 1 / decay) * tau[n]) for n, v in enumerate(row[:count])]
        row = shifted(row, predelay_ms * sample_rate / 1000)
        shaped.append(list(filtered(row, *poles(sample_rate, lowpass_hz, highpass_hz))))
    paths = [(0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 3)] if true_stereo else [(0, 0, 0), (1, 1, 1)]
    wet = [[0.0] * count, [0.0] * count]
    for i, o, k in paths:
        h, source = np.array(shaped[k]), np.array(x[i % len(x)])
        for n in range(count):
            some = min(n + 1, len(h))
            wet[o][n] += h[:some] @ source[n::-1][:some]
    late = [[0.0] * latency + list(c) for c in (*x, *wet)]
    cut = [c[:count] for c in late]
    return mixed(cut[: len(x)], cut[len(x) :], width, mix)
