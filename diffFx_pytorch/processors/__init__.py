"""The effects, one folder a family."""

from .delay import FeedbackDelay
from .distortion import TanH
from .dynamics import Compressor
from .eq import (
    AllPass,
    BandPass,
    GraphicEqualizer,
    HighPass,
    HighShelf,
    LowPass,
    LowShelf,
    Notch,
    ParametricEqualizer,
    Peak,
)
from .modulation import AutoPan, RingModulator, Tremolo
from .spatial import MonoMaker, StereoEnhancer, StereoPanning, StereoWidener
from .utility import DCBlocker, Dither, Fade, Gain, Invert

__all__ = [
    "AllPass",
    "AutoPan",
    "BandPass",
    "Compressor",
    "DCBlocker",
    "Dither",
    "Fade",
    "FeedbackDelay",
    "Gain",
    "GraphicEqualizer",
    "HighPass",
    "HighShelf",
    "Invert",
    "LowPass",
    "LowShelf",
    "MonoMaker",
    "Notch",
    "ParametricEqualizer",
    "Peak",
    "RingModulator",
    "StereoEnhancer",
    "StereoPanning",
    "StereoWidener",
    "TanH",
    "Tremolo",
]
