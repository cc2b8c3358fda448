"""Filters."""

from .parametric_equalizer import ParametricEqualizer

__all__ = ["ParametricEqualizer"]
