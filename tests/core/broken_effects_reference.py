"""Slow twins of those broken effects that only a twin can catch."""

import math

import numpy as np


def twin_brokendelaytime(x, sample_rate, delay_ms, mix):
    y, d = [], delay_ms * sample_rate / 1000
    for channel in x:
        y.append([])
        for n, sample in enumerate(channel):
            k = math.floor(n - d)
            left, right = (channel[i] if i >= 0 else 0.0 for i in (k, k + 1))
            y[-1].append((1 - mix) * sample + mix * (left + (n - d - k) * (right - left)))
    return y


def twin_brokenconstant(x, sample_rate, amount):
    y, pole = [], math.exp(-1 / (0.6 * sample_rate))
    for channel in x:
        e = 0.0
        y.append([])
        for sample in channel:
            e = pole * e + (1 - pole) * abs(sample)
            y[-1].append(sample * (1 + amount * e))
    return y


def twin_brokenexponent(x, sample_rate, decay_s, mix):
    h = np.random.default_rng(0).standard_normal(len(x[0]))
    h = [v * 10 ** (-3 * n / sample_rate / decay_s) for n, v in enumerate(h)]
    return [[(1 - mix) * c[n] + mix * sum(h[k] * c[n - k] for k in range(n + 1)) for n in range(len(c))] for c in x]
