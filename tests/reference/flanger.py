"""Flangers: Dattorro 1997, a line whose delay an oscillator moves, with feedback, one sample at a time."""

import math

from tests.reference.fractional_read import POINTS, read


def wave(turns, shape):
    sine = math.sin(2 * math.pi * turns)
    return sine if shape == "sine" else math.tanh(8 * sine) / math.tanh(8)


def flange(x, sample_rate, rate_hz, depth, delay_ms, mix, feedback, turns, shape, interpolation, youngest):
    span = delay_ms / 1000 * sample_rate - 1
    w, y = [], []
    for n, sample in enumerate(x):
        d = 1 + span * (1 + depth * wave(rate_hz * n / sample_rate + turns, shape))
        if not youngest:
            w.append(sample)
        late = read(w, n, d, POINTS[interpolation], youngest)
        if youngest:
            w.append(sample + feedback * late)
        y.append((1 - mix) * sample + mix * late)
    return y


def twin_flanger(x, sample_rate, rate_hz, depth, delay_ms, mix, shape="sine", interpolation="lagrange"):
    return [flange(c, sample_rate, rate_hz, depth, delay_ms, mix, 0.0, 0.0, shape, interpolation, 0) for c in x]


def twin_feedbackflanger(
    x, sample_rate, rate_hz, depth, delay_ms, feedback, mix, shape="sine", interpolation="lagrange"
):
    return [flange(c, sample_rate, rate_hz, depth, delay_ms, mix, feedback, 0.0, shape, interpolation, 1) for c in x]


def twin_stereoflanger(
    x, sample_rate, rate_hz, depth, delay_ms, feedback, phase_deg, mix, shape="sine", interpolation="lagrange"
):
    knobs = (sample_rate, rate_hz, depth, delay_ms, mix, feedback)
    return [flange(c, *knobs, t, shape, interpolation, 1) for c, t in ((x[0], 0.0), (x[-1], phase_deg / 360))]
