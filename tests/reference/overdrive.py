"""Overdrive: a shelf of 12 dB at 720 Hz, (tanh(u + b) - tanh b) / (1 - tanh(b)^2), the shelf back, a shelf at 2 kHz."""

import math
import runpy
from pathlib import Path

_here = Path(__file__)
_stage = runpy.run_path(str(_here.with_name("stage.py")))
_shelf = runpy.run_path(str(_here.with_name("parametric_equalizer.py")))["matched_high_shelf"]


def shelve(channel, freq_hz, gain_db, sample_rate):
    b0, b1, b2, a0, a1, a2 = map(float, _shelf(freq_hz, math.sqrt(0.5), gain_db, sample_rate))
    x1 = x2 = y1 = y2 = 0.0
    result = []
    for u in channel:
        y = (b0 * u + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2) / a0
        x1, x2, y1, y2 = u, x1, y, y1
        result.append(y)
    return result


def twin(x, sample_rate, drive_db, bias, tone_db, mix, output_db, **options):
    f, F = _stage["biased_tanh"](bias)
    path = {name: options[name] for name in ("oversampling", "phase") if name in options}
    result = []
    for channel in x:
        raised = shelve(channel, 720.0, 12.0, sample_rate)
        w, late = _stage["wet"](raised, sample_rate, f, F, drive_db, **options)
        w = shelve(shelve(w, 720.0, -12.0, sample_rate), 2000.0, tone_db, sample_rate)
        result.append(_stage["mixed"](channel, w, late, mix, output_db, **path))
    return result
