"""The one-pole filters that darken and thin echoes and reverbs."""

import math


def poles(rate, lowpass_hz, highpass_hz):
    """Poles of a low-pass and of the low-pass that a high-pass leaves out: at an end of its range each is open."""
    low = math.exp(-2 * math.pi * lowpass_hz / rate) * (1 - (lowpass_hz / min(20000.0, 0.49 * rate)) ** 4)
    return low, 1 - (1 - math.exp(-2 * math.pi * highpass_hz / rate)) * (1 - (20 / highpass_hz) ** 4)
