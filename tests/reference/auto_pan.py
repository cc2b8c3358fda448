"""Auto pan: a position between left and right that follows an oscillator; DAFX 2nd ed. chapter 5 for the laws."""

import math

from tests.reference.oscillator import in_tempo, wave


def gains(pan, law):
    angle = math.pi / 4 * (pan + 1)
    power, line = (math.cos(angle), math.sin(angle)), ((1 - pan) / 2, (1 + pan) / 2)
    middle = [math.sqrt(p * q) for p, q in zip(power, line, strict=True)]
    return {"constant_power": power, "linear": line, "-4.5 dB": middle}[law]


@in_tempo
def twin(x, sample_rate, rate_hz, depth, phase_deg, shape="sine", law="constant_power"):
    y = [[], []]
    for n in range(len(x[0])):
        now = gains(depth * wave(rate_hz * n / sample_rate + phase_deg / 360, shape), law)
        for side in (0, 1):
            sample = x[0][n] if len(x) == 1 else x[side][n] / gains(0.0, law)[side]
            y[side].append(now[side] * sample)
    return y
