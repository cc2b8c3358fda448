"""An effect in bands: Linkwitz-Riley crossovers by the bilinear transform, then the twin of the effect."""

import importlib.util
import math
from pathlib import Path


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


def load(name):
    path = Path(__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"reference_{name}_in_bands", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.twin


def twin_of(name):
    effect = load(name)

    def twin(x, sample_rate, num_bands=3, sidechain=None, **settings):
        freqs = sorted(settings[f"crossover_{i}_hz"] for i in range(1, num_bands))
        options = {k: v for k, v in settings.items() if "." not in k and not k.startswith("crossover")}
        channels = [split(v, freqs, sample_rate) for v in x]
        keys = [split(v, freqs, sample_rate) for v in sidechain or ()]
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
