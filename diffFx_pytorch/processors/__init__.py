"""The effects, one folder a family."""

from .distortion import TanH
from .dynamics import Compressor
from .modulation import Tremolo
from .utility import Gain

__all__ = ["Compressor", "Gain", "TanH", "Tremolo"]
