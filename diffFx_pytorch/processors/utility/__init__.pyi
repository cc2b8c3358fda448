from collections.abc import Mapping
from typing import Literal

from diffFx_pytorch.params import EffectParam
from diffFx_pytorch.processors.utility.dc_blocker import DCBlocker
from diffFx_pytorch.processors.utility.dither import Dither as _Dither
from diffFx_pytorch.processors.utility.fade import Fade as _Fade
from diffFx_pytorch.processors.utility.gain import Gain
from diffFx_pytorch.processors.utility.invert import Invert

class Dither(_Dither):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        bits: int = 16,
        quantize: bool = True,
        seed: int = 0,
    ) -> None: ...

class Fade(_Fade):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        shape: Literal["linear", "equal_power", "exponential", "s_curve"] = "s_curve",
        length_s: float | None = None,
    ) -> None: ...

__all__ = [
    "DCBlocker",
    "Dither",
    "Fade",
    "Gain",
    "Invert",
]
