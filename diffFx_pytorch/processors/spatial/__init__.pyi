from diffFx_pytorch.processors.spatial.mono_maker import MonoMaker
from diffFx_pytorch.processors.spatial.stereo_enhancer import StereoEnhancer
from diffFx_pytorch.processors.spatial.stereo_imager import StereoImager
from diffFx_pytorch.processors.spatial.stereo_panning import StereoPanning
from diffFx_pytorch.processors.spatial.stereo_widener import StereoWidener

__all__ = [
    "MonoMaker",
    "StereoEnhancer",
    "StereoImager",
    "StereoPanning",
    "StereoWidener",
]
