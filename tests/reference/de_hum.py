"""Hum removed: matched notches (Vicanek 2016) at multiples of the mains, each as wide in Hz, mixed with the sound."""

import runpy
from pathlib import Path

_run = runpy.run_path(str(Path(__file__).with_name("single_filters.py")))["run"]


def twin(x, sample_rate, freq_hz, width_hz, amount, num_harmonics=16, series="all"):
    first, step = {"all": (1, 1), "odd": (1, 2), "even": (2, 2)}[series]
    y = x
    for k in range(first, first + step * num_harmonics, step):
        if k * 65.0 <= 0.49 * sample_rate:
            y = _run("notch", y, sample_rate, k * freq_hz, q=k * freq_hz / width_hz)
    return [[a + amount * (b - a) for a, b in zip(*channels, strict=True)] for channels in zip(x, y, strict=True)]
