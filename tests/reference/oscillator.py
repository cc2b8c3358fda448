"""The waves of low-frequency oscillators: what the twins of modulations share."""

import functools
import math


def wave(turns, shape):
    if shape == "triangle":
        turns %= 1.0
        return 4 * turns if turns < 0.25 else 2 - 4 * turns if turns < 0.75 else 4 * turns - 4
    sine = math.sin(2 * math.pi * turns)
    return sine if shape == "sine" else math.tanh(8 * sine) / math.tanh(8)


def in_tempo(twin):
    """A twin that takes the length of a turn in beats, where it is given a tempo."""

    @functools.wraps(twin)
    def timed(x, sample_rate, *, tempo_bpm=None, period_beats=None, **knobs):
        if tempo_bpm is not None:
            knobs["rate_hz"] = tempo_bpm / 60 / period_beats
        return twin(x, sample_rate, **knobs)

    return timed
