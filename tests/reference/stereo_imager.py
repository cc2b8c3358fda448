"""The twin of the effect, in bands."""

import importlib.util
from pathlib import Path

spec = importlib.util.spec_from_file_location("reference_multi_band", Path(__file__).with_name("multi_band.py"))
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
twin = module.twin_of("stereo_widener")
