"""A saturator in bands: the split of the other effects in bands, then the twin of TanH."""

import runpy
from pathlib import Path

twin = runpy.run_path(str(Path(__file__).with_name("multi_band.py")))["twin_of"]("tanh")
