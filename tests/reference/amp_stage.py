"""AmpStage: the stage of the shapers, the tone stack by nodal analysis, the stage upside down, a high-pass."""

import runpy
from pathlib import Path

_here = Path(__file__)
_stage = runpy.run_path(str(_here.with_name("stage.py")))
_run = runpy.run_path(str(_here.with_name("single_filters.py")))["run"]
_tone = runpy.run_path(str(_here.with_name("tone_stack.py")))["twin"]


def twin(
    x, sample_rate, gain_db, bias, bass, treble, drive_db, master_db, mix, mid=None, preset="fender_bassman",
    bass_taper="linear", **options,
):  # fmt: skip
    f, F = _stage["biased_tanh"](bias)
    path = {name: options[name] for name in ("oversampling", "phase") if name in options}
    result = []
    for channel in x:
        u, late = _stage["wet"](channel, sample_rate, f, F, gain_db, **options)
        (toned,) = _tone([u], sample_rate, bass, treble, mid, preset, bass_taper)
        turned, _ = _stage["wet"]([-s for s in toned], sample_rate, f, F, drive_db, **options)
        (turned,) = _run("high_pass", [turned], sample_rate, 10.0, slope_db_per_octave=6)
        silent = [0.0] * len(channel)
        dry = _stage["mixed"](channel, silent, late, 0.0, 0.0, **path)
        v = [-(10 ** (master_db / 20)) * s for s in turned]
        result.append(_stage["mixed"](dry, v, late, mix, 0.0, **path))
    return result
