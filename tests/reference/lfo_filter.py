"""LFO filter: the trapezoidal state variable filter of Wishnick 2014, its frequency moved by an oscillator."""

import math

from tests.reference.oscillator import in_tempo, wave


@in_tempo
def twin(x, sample_rate, rate_hz, octaves, freq_hz, q, phase_deg, mix, kind="low_pass", shape="sine"):
    y = []
    for channel in x:
        s1 = s2 = 0.0
        y.append([])
        for n, sample in enumerate(channel):
            o = wave(rate_hz * n / sample_rate + phase_deg / 360, shape)
            g = math.tan(math.pi * min(freq_hz * 2 ** (octaves * o) / sample_rate, 0.49))
            v1 = (s1 + g * (sample - s2)) / (1 + g * (g + 1 / q))
            v2 = s2 + g * v1
            s1, s2 = 2 * v1 - s1, 2 * v2 - s2
            heard = {"low_pass": v2, "band_pass": v1 / q, "high_pass": sample - v1 / q - v2}[kind]
            y[-1].append((1 - mix) * sample + mix * heard)
    return y
