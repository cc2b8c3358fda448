"""Filters."""

from .dynamic_equalizer import DynamicEqualizer
from .graphic_equalizer import GraphicEqualizer
from .parametric_equalizer import ParametricEqualizer
from .single_filters import AllPass, BandPass, HighPass, HighShelf, LowPass, LowShelf, Notch, Peak
from .tone_stack import ToneStack

__all__ = [
    "AllPass",
    "BandPass",
    "DynamicEqualizer",
    "GraphicEqualizer",
    "HighPass",
    "HighShelf",
    "LowPass",
    "LowShelf",
    "Notch",
    "ParametricEqualizer",
    "Peak",
    "ToneStack",
]
