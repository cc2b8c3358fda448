"""Added harmonics: Butterworth filters, the biased tanh of unit slope, Butterworth filters; added to the sound."""

import math
import runpy
from pathlib import Path

_here = Path(__file__)
_stage = runpy.run_path(str(_here.with_name("stage.py")))
_run = runpy.run_path(str(_here.with_name("single_filters.py")))["run"]


def passed(kind, v, sample_rate, freq_hz, slope):
    return _run(kind, [v], sample_rate, freq_hz, q=math.sqrt(0.5), slope_db_per_octave=slope)[0]


def added(x, sample_rate, before, after, drive_db, bias, amount, **options):
    f, F = _stage["biased_tanh"](bias)
    path = {name: options[name] for name in ("oversampling", "phase") if name in options}
    result = []
    for channel in x:
        w, late = _stage["wet"](before(channel), sample_rate, f, F, drive_db, **options)
        dry = _stage["mixed"](channel, w, late, 0.0, 0.0, **path)
        result.append([d + amount * v for d, v in zip(dry, after(w), strict=True)])
    return result


def twin_exciter(x, sample_rate, freq_hz, **knobs):
    return added(x, sample_rate, lambda v: passed("high_pass", v, sample_rate, freq_hz, 12), lambda v: v, **knobs)


def twin_bassenhancer(x, sample_rate, freq_hz, **knobs):
    def after(v):
        return passed("low_pass", passed("high_pass", v, sample_rate, freq_hz, 12), sample_rate, 4 * freq_hz, 12)

    return added(x, sample_rate, lambda v: passed("low_pass", v, sample_rate, freq_hz, 24), after, **knobs)
