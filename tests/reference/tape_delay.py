"""Tape delay: a line whose speed swings, and tanh and filters at every pass, one sample at a time."""

import math

from tests.reference.fractional_read import Reader
from tests.reference.one_poles import poles


def twin(
    x, sample_rate, feedback, drive_db, lowpass_hz, highpass_hz, wow_hz, wow_percent, flutter_hz, flutter_percent, mix,
    tempo_bpm=None, interpolation="lagrange", delay_ms=None, delay_beats=None,
):  # fmt: skip
    mean = delay_ms / 1000 if tempo_bpm is None else delay_beats * 60 / tempo_bpm
    low, high = poles(sample_rate, lowpass_hz, highpass_hz)
    gain, y = 10 ** (drive_db / 20), []
    for channel in x:
        w, left, below, read = [], 0.0, 0.0, Reader(interpolation, 1)
        y.append([])
        for n, sample in enumerate(channel):
            seconds = mean
            for f, percent in ((wow_hz, wow_percent), (flutter_hz, flutter_percent)):
                omega, t = 2 * math.pi * f, n / sample_rate
                seconds -= percent / 100 / omega * (math.sin(omega * t) - math.sin(omega * (t - mean)))
            left = low * left + (1 - low) * read(w, n, seconds * sample_rate)
            below = high * below + (1 - high) * left
            played = math.tanh(left - below)
            w.append(gain * sample + feedback * played)
            y[-1].append((1 - mix) * sample + mix * played / gain)
    return y
