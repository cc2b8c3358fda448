"""Panning: DAFX 2nd ed. chapter 5; a mono signal is placed, the sides of a stereo one are balanced."""

import math


def gains(pan, law):
    angle = math.pi / 4 * (pan + 1)
    power, line = (math.cos(angle), math.sin(angle)), ((1 - pan) / 2, (1 + pan) / 2)
    middle = [math.sqrt(p * q) for p, q in zip(power, line, strict=True)]
    return {"constant_power": power, "linear": line, "-4.5 dB": middle}[law]


def twin(x, sample_rate, pan, law="constant_power"):
    if len(x) == 1:
        return [[g * sample for sample in x[0]] for g in gains(pan, law)]
    sides = zip(x, gains(pan, law), gains(0.0, law), strict=True)
    return [[g / centre * sample for sample in channel] for channel, g, centre in sides]
