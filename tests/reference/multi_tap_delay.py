"""Taps on one line, each at its level and place: DAFX 2nd ed. 2.6 and chapter 5, one sample at a time."""

import math

from tests.reference.fractional_read import Reader


def gains(pan, law):
    if law == "linear":
        return (1 - pan) / 2, (1 + pan) / 2
    power = math.cos(math.pi / 4 * (pan + 1)), math.sin(math.pi / 4 * (pan + 1))
    if law == "-4.5 dB":
        return tuple(math.sqrt(g * (1 + sign * pan) / 2) for g, sign in zip(power, (-1, 1), strict=True))
    return power


def twin(x, sample_rate, mix, num_taps=4, tempo_bpm=None, law="constant_power", interpolation="lagrange", **taps):
    y = [[(1 - mix) * v for v in x[0]], [(1 - mix) * v for v in x[-1]]]
    unit, seconds = ("ms", 0.001) if tempo_bpm is None else ("beats", 60 / tempo_bpm)
    read = Reader(interpolation)
    for i in range(1, num_taps + 1):
        d = taps[f"tap_{i}_delay_{unit}"] * seconds * sample_rate
        level = 10 ** (taps[f"tap_{i}_gain_db"] / 20)
        for side in (0, 1):
            place = gains(taps[f"tap_{i}_pan"], law)[side] / (1.0 if len(x) == 1 else gains(0.0, law)[side])
            for n in range(len(x[0])):
                y[side][n] += mix * level * place * read(x[side % len(x)], n, d)
    return y
