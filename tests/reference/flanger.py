"""Flangers: Dattorro 1997, a line whose delay an oscillator moves, with feedback, one sample at a time."""

import math

POINTS = {"lagrange": 10, "cubic": 4, "linear": 2}


def read(x, n, d, points, youngest):
    """x(n - d) through the samples around it, as many as lie in the past (Laakso et al. 1996, eq. 42)."""
    k = math.floor(d)
    half = min(points // 2, k + 1 - youngest)
    taps = range(k - half + 1, k + half + 1)
    total = 0.0
    for m in taps:
        weight = math.prod((d - j) / (m - j) for j in taps if j != m)
        total += weight * (x[n - m] if n >= m else 0.0)
    return total


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
