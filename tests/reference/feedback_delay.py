"""Feedback delay: Dattorro 1997 and DAFX 2nd ed. 2.6, one sample at a time."""

import math

from tests.reference.fractional_read import Reader


def twin(
    x, sample_rate, feedback, lowpass_hz, highpass_hz, mix,
    tempo_bpm=None, saturation=None, interpolation="lagrange", delay_ms=None, delay_beats=None,
):  # fmt: skip
    seconds = delay_ms / 1000 if tempo_bpm is None else delay_beats * 60 / tempo_bpm
    open_end = min(20000.0, 0.49 * sample_rate)
    low = math.exp(-2 * math.pi * lowpass_hz / sample_rate) * (1 - (lowpass_hz / open_end) ** 4)
    high = 1 - (1 - math.exp(-2 * math.pi * highpass_hz / sample_rate)) * (1 - (20 / highpass_hz) ** 4)
    y = []
    for channel in x:
        w, left, below, read = [], 0.0, 0.0, Reader(interpolation, 1)
        y.append([])
        for n, sample in enumerate(channel):
            echo = read(w, n, seconds * sample_rate)
            left = low * left + (1 - low) * echo
            below = high * below + (1 - high) * left
            loop = left - below
            w.append(sample + feedback * (math.tanh(loop) if saturation else loop))
            y[-1].append((1 - mix) * sample + mix * echo)
    return y
