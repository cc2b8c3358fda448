"""DePlosive: the de-esser (Zolzer, DAFX 2011, section 4.2) on the other side of its frequency, powers over 10 ms."""

import functools
import runpy
from pathlib import Path

twin = functools.partial(
    runpy.run_path(str(Path(__file__).with_name("de_esser.py")))["twin"], below=True, power_ms=10, lookahead_ms=15.0
)
