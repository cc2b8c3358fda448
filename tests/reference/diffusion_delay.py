"""Diffusion delay: Schroeder's all-passes (1962) in the loop of a delay, one sample at a time."""

from tests.reference.one_poles import poles
from tests.reference.plate_reverb import ago, keys


def twin(
    x, sample_rate, feedback, diffusion, lowpass_hz, highpass_hz, mix, tempo_bpm=None, size_ms=60, delay_ms=None,
    delay_beats=None,
):  # fmt: skip
    one, shortest = (0.001, 70.0) if tempo_bpm is None else (60 / tempo_bpm, 0.25)
    delay = (delay_ms if tempo_bpm is None else delay_beats) * one * sample_rate
    size = min(size_ms / 1000, 0.9 * shortest * one) * sample_rate
    lengths = [round(size * part / 905) for part in (142, 107, 379, 277)]
    low, high = poles(sample_rate, lowpass_hz, highpass_hz)
    c, y = 0.7 * diffusion, []
    for channel in x:
        w, inside, left, below = [], [[] for _ in lengths], 0.0, 0.0
        y.append([])
        for sample in channel:
            w.append(None)  # what is written now is not read now
            v = keys(w, delay - sum(lengths) + 1)
            for line, length in zip(inside, lengths, strict=True):
                held = ago(line, length)
                line.append(v + c * held)
                v = held - c * line[-1]
            left = low * left + (1 - low) * v
            below = high * below + (1 - high) * left
            w[-1] = sample + feedback * (left - below)
            y[-1].append((1 - mix) * sample + mix * v)
    return y
