"""Flangers: Dattorro 1997, a line whose delay an oscillator moves, with feedback, one sample at a time."""

from tests.reference.fractional_read import Reader
from tests.reference.oscillator import in_tempo, wave


def flange(x, sample_rate, rate_hz, depth, delay_ms, mix, feedback, turns, shape, interpolation, youngest):
    span = delay_ms / 1000 * sample_rate - 1
    w, y, read = [], [], Reader(interpolation, youngest)
    for n, sample in enumerate(x):
        d = 1 + span * (1 + depth * wave(rate_hz * n / sample_rate + turns, shape))
        if not youngest:
            w.append(sample)
        late = read(w, n, d)
        if youngest:
            w.append(sample + feedback * late)
        y.append((1 - mix) * sample + mix * late)
    return y


@in_tempo
def twin_flanger(x, sample_rate, rate_hz, depth, delay_ms, start_deg, mix, shape="sine", interpolation="lagrange"):
    knobs = (sample_rate, rate_hz, depth, delay_ms, mix, 0.0, start_deg / 360)
    return [flange(c, *knobs, shape, interpolation, 0) for c in x]


@in_tempo
def twin_feedbackflanger(
    x, sample_rate, rate_hz, depth, delay_ms, start_deg, feedback, mix, shape="sine", interpolation="lagrange"
):
    knobs = (sample_rate, rate_hz, depth, delay_ms, mix, feedback, start_deg / 360)
    return [flange(c, *knobs, shape, interpolation, 1) for c in x]


@in_tempo
def twin_stereoflanger(
    x,
    sample_rate,
    rate_hz,
    depth,
    delay_ms,
    start_deg,
    feedback,
    phase_deg,
    mix,
    shape="sine",
    interpolation="lagrange",
):
    knobs = (sample_rate, rate_hz, depth, delay_ms, mix, feedback)
    return [
        flange(c, *knobs, t, shape, interpolation, 1)
        for c, t in ((x[0], start_deg / 360), (x[-1], (start_deg + phase_deg) / 360))
    ]
