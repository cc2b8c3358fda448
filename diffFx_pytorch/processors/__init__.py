"""The effects, one folder a family."""

from .distortion import TanH
from .dynamics import Compressor
from .eq import ParametricEqualizer
from .modulation import Tremolo
from .utility import Gain

__all__ = ["Compressor", "Gain", "ParametricEqualizer", "TanH", "Tremolo"]
