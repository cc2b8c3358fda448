"""Choruses: Dattorro 1997, voices whose delay an oscillator moves, one sample at a time."""

import math

from tests.reference.fractional_read import Reader
from tests.reference.oscillator import in_tempo, wave


def voice(x, sample_rate, rate_hz, depth, delay_ms, turns, shape, interpolation):
    span = delay_ms / 1000 * sample_rate - 1
    y, read = [], Reader(interpolation)
    for n in range(len(x)):
        d = 1 + span * (1 + depth * wave(rate_hz * n / sample_rate + turns, shape))
        y.append(read(x, n, d))
    return y


def mean(voices, side, own):
    """Of all voices, each at its level and balanced by a sine law that leaves the centre alone."""
    weights = [1.0] * len(voices)
    for i in range(len(voices) if own else 0):
        balance = math.sqrt(2) * math.sin(math.pi / 4 * (1 + (-1, 1)[side] * own[f"voice_{i + 1}_pan"]))
        weights[i] = 10 ** (own[f"voice_{i + 1}_gain_db"] / 20) * balance
    return [sum(w * v for w, v in zip(weights, now, strict=True)) / len(voices) for now in zip(*voices, strict=True)]


def mixed(x, wet, mix):
    return [(1 - mix) * a + mix * b for a, b in zip(x, wet, strict=True)]


@in_tempo
def twin_chorus(x, sample_rate, rate_hz, depth, delay_ms, start_deg, mix, shape="sine", interpolation="lagrange"):
    one = (sample_rate, rate_hz, depth, delay_ms, start_deg / 360, shape, interpolation)
    return [mixed(c, voice(c, *one), mix) for c in x]


@in_tempo
def twin_multivoicechorus(
    x,
    sample_rate,
    rate_hz,
    depth,
    delay_ms,
    start_deg,
    mix,
    num_voices=3,
    shape="sine",
    interpolation="lagrange",
    voice_knobs=False,
    **own,
):
    y = []
    for side, c in enumerate([x[0], x[-1]] if own else x):
        turns = [start_deg / 360 + i / num_voices for i in range(num_voices)]
        voices = [voice(c, sample_rate, rate_hz, depth, delay_ms, t, shape, interpolation) for t in turns]
        y.append(mixed(c, mean(voices, side, own), mix))
    return y


@in_tempo
def twin_stereochorus(
    x,
    sample_rate,
    rate_hz,
    depth,
    delay_ms,
    start_deg,
    phase_deg,
    mix,
    num_voices=1,
    shape="sine",
    interpolation="lagrange",
    **own,
):
    y = []
    for side, c in enumerate([x[0], x[-1]]):
        turns = [(start_deg + side * phase_deg) / 360 + i / num_voices for i in range(num_voices)]
        voices = [voice(c, sample_rate, rate_hz, depth, delay_ms, t, shape, interpolation) for t in turns]
        y.append(mixed(c, mean(voices, side, own), mix))
    return y
