"""Tremolo: DAFX 2nd ed. 3.3.4, a gain moved by an oscillator between 1 - depth and 1."""

from tests.reference.oscillator import in_tempo, wave


@in_tempo
def twin(x, sample_rate, rate_hz, depth, phase_deg, shape="sine"):
    y = []
    for channel in x:
        y.append([])
        for n, sample in enumerate(channel):
            o = wave(rate_hz * n / sample_rate + phase_deg / 360, shape)
            y[-1].append(sample * (1 - depth * (1 - o) / 2))
    return y
