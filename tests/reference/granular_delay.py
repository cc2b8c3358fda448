"""Granular delay (Roads 2001): voices that play one windowed grain of a line after the other, one sample at a time."""

import math

import numpy as np

from tests.reference.plate_reverb import keys


def twin(
    x, sample_rate, grain_ms, density, semitones, spray_ms, spread, feedback, mix, tempo_bpm=None, voices=8, seed=0,
    delay_ms=None, delay_beats=None,
):  # fmt: skip
    times, places, begins = np.random.default_rng(seed).random((3, voices, 1024))
    late = delay_ms / 1000 if tempo_bpm is None else delay_beats * 60 / tempo_bpm
    G, r, share = grain_ms / 1000 * sample_rate, 2 ** (semitones / 12), density / voices
    x = x if len(x) == 2 else [x[0], x[0]]
    lines, y = [[], []], [[], []]
    for n in range(len(x[0])):
        grains = []
        for v in range(voices):
            turns = n * share / G + v / voices
            j = math.floor(turns)
            q = min(max((turns - j - begins[v, j % 1024] * (1 - share)) / share, 0.0), 1.0)
            middle = late * sample_rate + spray_ms / 1000 * sample_rate * times[v, j % 1024]
            middle = max(middle, abs(1 - r) * G / 2 + 0.002 * sample_rate)
            angle = math.pi / 4 * (1 + spread * (2 * places[v, j % 1024] - 1))
            grains.append((math.sin(math.pi * q) ** 2, middle + (1 - r) * (q - 0.5) * G, angle))
        S = math.sqrt(1 + sum(a for a, _, _ in grains) ** 2)
        for side, line in enumerate(lines):
            line.append(0.0)  # what is written now is not read now
            read = [keys(line, d + 1) for _, d, _ in grains]
            line[-1] = x[side][n] + feedback / S * sum(a * w for (a, _, _), w in zip(grains, read, strict=True))
            pan = math.sin if side else math.cos
            wet = sum(math.sqrt(2) * pan(t) * a * w for (a, _, t), w in zip(grains, read, strict=True))
            y[side].append((1 - mix) * x[side][n] + mix * wet / math.sqrt(S))
    return y
