from collections.abc import Mapping
from typing import Literal

from diffFx_pytorch.params import EffectParam
from diffFx_pytorch.processors.spatial.mono_maker import MonoMaker
from diffFx_pytorch.processors.spatial.stereo_enhancer import StereoEnhancer as _StereoEnhancer
from diffFx_pytorch.processors.spatial.stereo_imager import StereoImager as _StereoImager
from diffFx_pytorch.processors.spatial.stereo_panning import StereoPanning as _StereoPanning
from diffFx_pytorch.processors.spatial.stereo_widener import StereoWidener

class StereoEnhancer(_StereoEnhancer):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        side: Literal["right", "left"] = "right",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
    ) -> None: ...

class StereoImager(_StereoImager):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_bands: int = 3,
    ) -> None: ...

class StereoPanning(_StereoPanning):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        law: Literal["constant_power", "linear", "-4.5 dB"] = "constant_power",
    ) -> None: ...

__all__ = [
    "MonoMaker",
    "StereoEnhancer",
    "StereoImager",
    "StereoPanning",
    "StereoWidener",
]
