"""Slapback: DAFX 2nd ed. 2.6.1, one echo through one-pole filters, one sample at a time."""

from tests.reference.fractional_read import Reader
from tests.reference.one_poles import poles


def twin(
    x, sample_rate, lowpass_hz, highpass_hz, mix,
    tempo_bpm=None, interpolation="lagrange", delay_ms=None, delay_beats=None,
):  # fmt: skip
    d = (delay_ms / 1000 if tempo_bpm is None else delay_beats * 60 / tempo_bpm) * sample_rate
    low, high = poles(sample_rate, lowpass_hz, highpass_hz)
    y = []
    for channel in x:
        left, below, read = 0.0, 0.0, Reader(interpolation)
        y.append([])
        for n, sample in enumerate(channel):
            left = low * left + (1 - low) * read(channel, n, d)
            below = high * below + (1 - high) * left
            y[-1].append((1 - mix) * sample + mix * (left - below))
    return y
