"""Feedback delay: Dattorro 1997 and DAFX 2nd ed. 2.6, one sample at a time; the universal comb is that of 2.5.4."""

import math

from tests.reference.fractional_read import Reader
from tests.reference.one_poles import poles


def twin(
    x, sample_rate, feedback, lowpass_hz, highpass_hz, mix, feedforward=1.0, blend=0.0, comb=False,
    tempo_bpm=None, saturation=None, interpolation="lagrange", delay_ms=None, delay_beats=None,
):  # fmt: skip
    seconds = delay_ms / 1000 if tempo_bpm is None else delay_beats * 60 / tempo_bpm
    low, high = poles(sample_rate, lowpass_hz, highpass_hz)
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
            y[-1].append((1 - mix) * sample + mix * (feedforward * echo + blend * w[-1]))
    return y
