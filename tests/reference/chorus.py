"""Choruses: Dattorro 1997, voices whose delay an oscillator moves, one sample at a time."""

from tests.reference.fractional_read import Reader
from tests.reference.oscillator import in_tempo, wave


def voice(x, sample_rate, rate_hz, depth, delay_ms, turns, shape, interpolation):
    span = delay_ms / 1000 * sample_rate - 1
    y, read = [], Reader(interpolation)
    for n in range(len(x)):
        d = 1 + span * (1 + depth * wave(rate_hz * n / sample_rate + turns, shape))
        y.append(read(x, n, d))
    return y


def mixed(x, wet, mix):
    return [(1 - mix) * a + mix * b for a, b in zip(x, wet, strict=True)]


@in_tempo
def twin_chorus(x, sample_rate, rate_hz, depth, delay_ms, mix, shape="sine", interpolation="lagrange"):
    one = (sample_rate, rate_hz, depth, delay_ms, 0.0, shape, interpolation)
    return [mixed(c, voice(c, *one), mix) for c in x]


@in_tempo
def twin_multivoicechorus(
    x, sample_rate, rate_hz, depth, delay_ms, mix, num_voices=3, shape="sine", interpolation="lagrange"
):
    y = []
    for c in x:
        turns = [i / num_voices for i in range(num_voices)]
        voices = [voice(c, sample_rate, rate_hz, depth, delay_ms, t, shape, interpolation) for t in turns]
        y.append(mixed(c, [sum(v) / num_voices for v in zip(*voices, strict=True)], mix))
    return y


@in_tempo
def twin_stereochorus(x, sample_rate, rate_hz, depth, delay_ms, phase_deg, mix, shape="sine", interpolation="lagrange"):
    sides = ((x[0], 0.0), (x[-1], phase_deg / 360))
    return [mixed(c, voice(c, sample_rate, rate_hz, depth, delay_ms, t, shape, interpolation), mix) for c, t in sides]
