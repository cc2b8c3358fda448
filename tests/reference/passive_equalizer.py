"""Passive equaliser: the network by its impedances at s = 2 fs (z - 1) / (z + 1), round a circle outside the unit
circle, from which its response to an impulse follows; the resonance is moved to where that s puts its frequency.
"""

import cmath
import math

import numpy as np

POINTS = 2**15


def beside(*impedances):
    return 0 if 0 in impedances else 1 / sum(1 / z for z in impedances)


def twin(x, sample_rate, low_boost, low_cut, low_freq_hz, high_boost, bandwidth, high_freq_hz, high_cut, cut_freq_hz):
    c_boost, c_cut = 33.6e-6 / low_freq_hz, 33.6e-6 / low_freq_hz / 30
    w, bent = 2 * math.pi * high_freq_hz, 2 * sample_rate * math.tan(math.pi * high_freq_hz / sample_rate)
    z0 = math.sqrt(12e6) * bent / w * math.cos(math.pi * high_freq_hz / sample_rate) ** 2
    radius, spectrum = 10 ** (12 / POINTS), []
    for k in range(POINTS):
        z = radius * cmath.exp(2j * math.pi * k / POINTS)
        s = 2 * sample_rate * (z - 1) / (z + 1)
        tank = s * z0 / bent + 390 + 3.9e3 * bandwidth + z0 * bent / s
        top = 12e3 * (1 - high_boost) + beside(12e3 * high_boost, tank)
        cut = 1e3 * (1 - high_cut) + beside(1e3 * high_cut, 91 + cut_freq_hz / (1.35e-3 * s))
        low = beside(110e3 * low_cut, 100 + 1 / (s * c_cut)) + 11e3
        boost = beside(8.2e3 * low_boost, 10 + 1 / (s * c_boost))
        arms = (boost + 10e3 * cut / (cut + low)) / (12e3 + beside(cut, low) + boost)
        under = beside(cut, 11e3)
        spectrum.append(arms * (12e3 + under) / (top + under))
    h = np.fft.ifft(spectrum).real * radius ** np.arange(POINTS)
    flat = 10 / 11 * beside(1e3, 11e3) / (12e3 + beside(1e3, 11e3))
    return [np.convolve(channel, h / flat)[: len(channel)].tolist() for channel in x]
