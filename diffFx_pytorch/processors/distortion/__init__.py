"""Shapers of the waveform."""

from .bit_crusher import BitCrusher
from .clippers import (
    ArcTanClipper,
    CubicClipper,
    DoubleSoftClipper,
    ExponentialClipper,
    HardClipper,
    SoftClipper,
)
from .overdrive import Overdrive
from .rectifier import Rectifier
from .tanh import TanH
from .waveshaper import Waveshaper

__all__ = [
    "ArcTanClipper",
    "BitCrusher",
    "CubicClipper",
    "DoubleSoftClipper",
    "ExponentialClipper",
    "HardClipper",
    "Overdrive",
    "Rectifier",
    "SoftClipper",
    "TanH",
    "Waveshaper",
]
