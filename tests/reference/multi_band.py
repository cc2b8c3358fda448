"""An effect in bands: crossovers by the bilinear transform or of linear phase, then the twin of the effect."""

import importlib.util
import math
from pathlib import Path

import numpy as np


def biquad(v, b, a):
    y, x1, x2, y1, y2 = [], 0.0, 0.0, 0.0, 0.0
    for s in v:
        out = (b[0] * s + b[1] * x1 + b[2] * x2 - a[1] * y1 - a[2] * y2) / a[0]
        x1, x2, y1, y2 = s, x1, out, y1
        y.append(out)
    return y


def split(v, freqs, sample_rate):
    """Bands of one channel, lowest first; all but the highest go through the all-passes of the crossovers above."""
    bands = []
    for i, freq in enumerate(freqs):
        k = math.tan(math.pi * freq / sample_rate)
        a = [1 + math.sqrt(2) * k + k * k, 2 * (k * k - 1), 1 - math.sqrt(2) * k + k * k]
        low, high = [k * k, 2 * k * k, k * k], [1, -2, 1]
        band, v = biquad(biquad(v, low, a), low, a), biquad(biquad(v, high, a), high, a)
        bands = [biquad(b, a[::-1], a) for b in bands] + [band]
        assert i == len(bands) - 1
    return [*bands, v]


def split_in_phase(v, freqs, sample_rate, num_taps):
    """Bands of the magnitudes of those above, symmetric about their middle, windowed."""
    size, reach, bands = 4 * 2 ** math.ceil(math.log2(num_taps)), (num_taps + 1) // 2, []
    for k in range(len(freqs) + 1):
        magnitude = []
        for n in range(size):
            t = math.tan(math.pi * n / size) ** 4
            corners = [math.tan(math.pi * freq / sample_rate) ** 4 for freq in freqs]
            low = [c / (c + t) for c in corners]
            magnitude.append(math.prod(1 - share for share in low[:k]) * (low[k] if k < len(freqs) else 1))
        h = np.fft.ifft(magnitude).real
        taps = [h[n] * (0.5 + 0.5 * math.cos(math.pi * n / reach)) for n in range(1 - reach, reach)]
        bands.append(np.convolve(v, taps)[: len(v)].tolist())
    return bands


def load(name):
    path = Path(__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"reference_{name}_in_bands", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.twin


def twin_of(name):
    effect = load(name)

    def twin(x, sample_rate, num_bands=3, crossover="linkwitz-riley", num_taps=4095, sidechain=None, **settings):
        def parts_of(v):
            return split_in_phase(v, freqs, sample_rate, num_taps) if linear else split(v, freqs, sample_rate)

        linear = crossover == "linear-phase"
        freqs = sorted(settings[f"crossover_{i}_hz"] for i in range(1, num_bands))
        options = {k: v for k, v in settings.items() if "." not in k and not k.startswith("crossover")}
        channels, keys = [parts_of(v) for v in x], [parts_of(v) for v in sidechain or ()]
        bands = []
        for k in range(num_bands):
            own = {n.split(".")[1]: v for n, v in settings.items() if n.startswith(f"band_{k + 1}.")}
            keyed = {"sidechain": [key[k] for key in keys]} if keys else {}
            bands.append(effect([channel[k] for channel in channels], sample_rate, **own, **options, **keyed))
        return [[sum(several) for several in zip(*parts, strict=True)] for parts in zip(*bands, strict=True)]

    return twin


twin_multibandcompressor = twin_of("compressor")
twin_multibandexpander = twin_of("expander")
twin_multibandnoisegate = twin_of("noise_gate")
twin_multibandtransientshaper = twin_of("transient_shaper")


def twin_multibandlimiter(
    x, sample_rate, ceiling_db, release_ms, true_peak=False, lookahead_ms=5.0, link=True, **bands
):
    options = {"lookahead_ms": lookahead_ms, "link": link}
    y = twin_of("limiter")(x, sample_rate, **bands, **options)
    return load("limiter")(y, sample_rate, 0.0, ceiling_db, release_ms, true_peak=true_peak, **options)
