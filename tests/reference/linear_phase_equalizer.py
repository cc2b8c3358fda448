"""Linear-phase equaliser: the magnitude of the sections of a parametric one, made a symmetric response, windowed."""

import cmath
import math
import runpy
from pathlib import Path

import numpy as np

_here = Path(__file__)
_equalizer = runpy.run_path(str(_here.with_name("parametric_equalizer.py")))
_fir = runpy.run_path(str(_here.with_name("fir_filter.py")))


def section(kind, design, *args):
    matched = {name: _equalizer[f"matched_{name}"] for name in ("peak",)}
    matched |= {name: _equalizer[f"matched_{name}_shelf"] for name in ("low", "high")}
    return [float(c) for c in (matched[kind](*args) if design == "matched" else _equalizer["rbj"](kind, *args))]


def twin(x, sample_rate, num_peaks=3, num_taps=4095, design="matched", layout="shared", **k):
    size, reach, filters = 4 * 2 ** math.ceil(math.log2(num_taps)), (num_taps + 1) // 2, []
    for side in _fir["SIDES"][layout]:
        magnitude = np.ones(size)
        for name in ["low_shelf", *(f"peak_{i + 1}" for i in range(num_peaks)), "high_shelf"]:
            args = (k[f"{side}{name}_{knob}"] for knob in ("freq_hz", "q", "gain_db"))
            b0, b1, b2, a0, a1, a2 = section(name.split("_")[0], design, *args, sample_rate)
            for n in range(size):
                z = cmath.exp(-2j * math.pi * n / size)
                magnitude[n] *= abs((b0 + b1 * z + b2 * z * z) / (a0 + a1 * z + a2 * z * z))
        h = np.fft.ifft(magnitude).real
        hann = [0.5 + 0.5 * math.cos(math.pi * n / reach) for n in range(1 - reach, reach)]
        filters.append([h[n] * w for n, w in zip(range(1 - reach, reach), hann, strict=True)])
    return _fir["filtered"](x, filters, layout)
