"""Reverbs."""

from .convolution_reverb import ConvolutionReverb
from .early_reflections import EarlyReflections
from .fdn_reverb import FDNReverb
from .noise_shaped_reverb import NoiseShapedReverb
from .plate_reverb import PlateReverb
from .schroeder_reverb import SchroederReverb
from .velvet_reverb import VelvetReverb

__all__ = [
    "ConvolutionReverb",
    "EarlyReflections",
    "FDNReverb",
    "NoiseShapedReverb",
    "PlateReverb",
    "SchroederReverb",
    "VelvetReverb",
]
