"""Phaser: Smith 1984, all-passes in a loop of one sample, each the ladder of Gray and Markel 1975.

Those of second order are ladders of two rotations, which are the all-pass of the RBJ cookbook where they stand still.
"""

import math

from tests.reference.oscillator import in_tempo, wave


@in_tempo
def twin(
    x,
    sample_rate,
    rate_hz,
    depth,
    center_hz,
    start_deg,
    feedback,
    mix,
    q=None,
    num_stages=6,
    stage_order=1,
    shape="sine",
):
    y = []
    for channel in x:
        states, outer, last = [0.0] * num_stages, [0.0] * num_stages, 0.0
        y.append([])
        for n, sample in enumerate(channel):
            freq = center_hz * 4.0 ** (depth * wave(rate_hz * n / sample_rate + start_deg / 360, shape))
            turn = math.tan(math.pi * min(freq, 0.49 * sample_rate) / sample_rate)
            b = (1 - turn) / (1 + turn)
            if stage_order == 2:
                w = 2 * math.pi * min(freq, 0.49 * sample_rate) / sample_rate
                alpha = math.sin(w) / (2 * q)
                b, d = math.cos(w), (alpha - 1) / (alpha + 1)
                e = math.sqrt(1 - d * d)
            c = math.sqrt(1 - b * b)
            signal = entered = (1 - feedback**2) * sample + feedback * last
            for k in range(num_stages):
                if stage_order == 2:
                    inner = d * outer[k] + e * signal
                    signal = e * outer[k] - d * signal
                    outer[k], states[k] = c * states[k] - b * inner, b * states[k] + c * inner
                else:
                    signal, states[k] = c * states[k] - b * signal, b * states[k] + c * signal
            last = signal
            y[-1].append((1 - mix) * sample + mix * (entered + last) / 2)
    return y
