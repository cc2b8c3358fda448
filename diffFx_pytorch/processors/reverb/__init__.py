"""Reverbs."""

from .plate_reverb import PlateReverb
from .schroeder_reverb import SchroederReverb

__all__ = ["PlateReverb", "SchroederReverb"]
