"""Fade: a ramp up from the first sample, a ramp down to the last; silence after that."""

import math


def ramp(n, length, shape):
    if length < 1:
        return min(max(1 - length + n, 0.0), 1.0)
    u = min(max(n / length, 0.0), 1.0)
    return {
        "linear": u,
        "equal_power": math.sin(math.pi / 2 * u),
        "exponential": (2 ** (10 * u) - 1) / 1023,
        "s_curve": math.sin(math.pi / 2 * u) ** 2,
    }[shape]


def twin(x, sample_rate, fade_in_s, fade_out_s, shape="s_curve", length_s=None):
    total = len(x[0]) if length_s is None else round(length_s * sample_rate)
    y = []
    for channel in x:
        y.append([])
        for n, sample in enumerate(channel):
            up = ramp(n, fade_in_s * sample_rate, shape)
            down = ramp(total - 1 - n, fade_out_s * sample_rate, shape)
            y[-1].append(sample * up * down)
    return y
