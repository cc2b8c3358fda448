"""The twin of the limiter, in bands and once more on their sum."""

import importlib.util
from pathlib import Path

spec = importlib.util.spec_from_file_location("reference_multi_band", Path(__file__).with_name("multi_band.py"))
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)


def twin(x, sample_rate, ceiling_db, release_ms, true_peak=False, lookahead_ms=5.0, link=True, **settings):
    options = {"lookahead_ms": lookahead_ms, "link": link}
    y = module.twin_of("limiter")(x, sample_rate, **settings, **options)
    return module.load("limiter")(y, sample_rate, 0.0, ceiling_db, release_ms, true_peak=true_peak, **options)
