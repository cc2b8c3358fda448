"""The effects, one folder a family."""

from .delay import FeedbackDelay
from .distortion import TanH
from .dynamics import Compressor
from .eq import ParametricEqualizer
from .modulation import AutoPan, RingModulator, Tremolo
from .spatial import MonoMaker, StereoEnhancer, StereoPanning, StereoWidener
from .utility import DCBlocker, Dither, Fade, Gain, Invert

__all__ = [
    "AutoPan",
    "Compressor",
    "DCBlocker",
    "Dither",
    "Fade",
    "FeedbackDelay",
    "Gain",
    "Invert",
    "MonoMaker",
    "ParametricEqualizer",
    "RingModulator",
    "StereoEnhancer",
    "StereoPanning",
    "StereoWidener",
    "TanH",
    "Tremolo",
]
