"""Ping-pong: DAFX 2nd ed. 2.6, two lines that feed each other, one sample at a time."""

from tests.reference.fractional_read import Reader
from tests.reference.one_poles import poles


def twin(
    x, sample_rate, lowpass_hz, highpass_hz, width, mix,
    feedback=None, feedback_left=None, feedback_right=None, feedback_each=False,
    tempo_bpm=None, interpolation="lagrange", delay_ms=None, delay_beats=None,
):  # fmt: skip
    d = (delay_ms / 1000 if tempo_bpm is None else delay_beats * 60 / tempo_bpm) * sample_rate
    to_left, to_right = (feedback_left, feedback_right) if feedback_each else (feedback, feedback)
    low, high = poles(sample_rate, lowpass_hz, highpass_hz)
    lines, left, below, y = [[], []], [0.0, 0.0], [0.0, 0.0], [[], []]
    reads = [Reader(interpolation, 1), Reader(interpolation, 1)]
    for n in range(len(x[0])):
        echo = [read(line, n, d) for read, line in zip(reads, lines, strict=True)]
        for side in (0, 1):
            left[side] = low * left[side] + (1 - low) * echo[side]
            below[side] = high * below[side] + (1 - high) * left[side]
        lines[0].append(sum(channel[n] for channel in x) / len(x) + to_left * (left[1] - below[1]))
        lines[1].append(to_right * (left[0] - below[0]))
        for side in (0, 1):
            narrowed = (1 + width) / 2 * echo[side] + (1 - width) / 2 * echo[1 - side]
            y[side].append((1 - mix) * x[side % len(x)][n] + mix * narrowed)
    return y
