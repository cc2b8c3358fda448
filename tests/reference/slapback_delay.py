"""Slapback: DAFX 2nd ed. 2.6.1, one echo through one-pole filters, one sample at a time."""

import math

from tests.reference.fractional_read import Reader


def twin(
    x, sample_rate, lowpass_hz, highpass_hz, mix,
    tempo_bpm=None, interpolation="lagrange", delay_ms=None, delay_beats=None,
):  # fmt: skip
    d = (delay_ms / 1000 if tempo_bpm is None else delay_beats * 60 / tempo_bpm) * sample_rate
    open_end = min(20000.0, 0.49 * sample_rate)
    low = math.exp(-2 * math.pi * lowpass_hz / sample_rate) * (1 - (lowpass_hz / open_end) ** 4)
    high = 1 - (1 - math.exp(-2 * math.pi * highpass_hz / sample_rate)) * (1 - (20 / highpass_hz) ** 4)
    y = []
    for channel in x:
        left, below, read = 0.0, 0.0, Reader(interpolation)
        y.append([])
        for n, sample in enumerate(channel):
            left = low * left + (1 - low) * read(channel, n, d)
            below = high * below + (1 - high) * left
            y[-1].append((1 - mix) * sample + mix * (left - below))
    return y
