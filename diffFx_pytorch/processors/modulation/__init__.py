"""Effects that an oscillator moves."""

from .auto_pan import AutoPan
from .ring_modulator import RingModulator
from .tremolo import Tremolo

__all__ = ["AutoPan", "RingModulator", "Tremolo"]
