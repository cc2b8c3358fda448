"""Filters."""

from .graphic_equalizer import GraphicEqualizer
from .parametric_equalizer import ParametricEqualizer
from .single_filters import AllPass, BandPass, HighPass, HighShelf, LowPass, LowShelf, Notch, Peak

__all__ = [
    "AllPass",
    "BandPass",
    "GraphicEqualizer",
    "HighPass",
    "HighShelf",
    "LowPass",
    "LowShelf",
    "Notch",
    "ParametricEqualizer",
    "Peak",
]
