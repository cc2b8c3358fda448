"""Filters."""

from .parametric_equalizer import ParametricEqualizer
from .single_filters import AllPass, BandPass, HighPass, HighShelf, LowPass, LowShelf, Notch, Peak

__all__ = [
    "AllPass",
    "BandPass",
    "HighPass",
    "HighShelf",
    "LowPass",
    "LowShelf",
    "Notch",
    "ParametricEqualizer",
    "Peak",
]
