"""Harmonizer: voices of the slow pitch shift, read later by Lagrange, placed and added."""

import runpy
from pathlib import Path

import numpy as np

from tests.reference.fractional_read import Reader

_here = Path(__file__)
_shift = runpy.run_path(str(_here.with_name("pitch_shift.py")))["twin"]
_gains = runpy.run_path(str(_here.with_name("multi_tap_delay.py")))["gains"]


def twin(x, sample_rate, mix, num_voices=2, law="constant_power", formants="keep", **knobs):
    voices = {name: knobs.pop(name) for name in list(knobs) if name.startswith("voice_")}
    both, y = np.asarray([x[0], x[-1]]), np.zeros((2, len(x[0])))
    for i in range(1, num_voices + 1):
        shifted = _shift(both, sample_rate, voices[f"voice_{i}_semitones"], 0.0, formants=formants, **knobs)
        d, level = voices[f"voice_{i}_delay_ms"] * sample_rate / 1000, 10 ** (voices[f"voice_{i}_gain_db"] / 20)
        for side in (0, 1):
            place = _gains(voices[f"voice_{i}_pan"], law)[side] / _gains(0.0, law)[side]
            read, channel = Reader("lagrange"), shifted[side].tolist()
            y[side] += [level * place * read(channel, n, d) for n in range(len(channel))]
    return (1 - mix) * both + mix * y
