"""Effects on the stereo image."""

from .mono_maker import MonoMaker
from .stereo_enhancer import StereoEnhancer
from .stereo_imager import StereoImager
from .stereo_panning import StereoPanning
from .stereo_widener import StereoWidener

__all__ = ["MonoMaker", "StereoEnhancer", "StereoImager", "StereoPanning", "StereoWidener"]
