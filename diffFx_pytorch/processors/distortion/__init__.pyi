from collections.abc import Mapping
from typing import Literal

from diffFx_pytorch.params import EffectParam
from diffFx_pytorch.processors.distortion.bit_crusher import BitCrusher
from diffFx_pytorch.processors.distortion.clippers import ArcTanClipper as _ArcTanClipper
from diffFx_pytorch.processors.distortion.clippers import CubicClipper as _CubicClipper
from diffFx_pytorch.processors.distortion.clippers import DoubleSoftClipper as _DoubleSoftClipper
from diffFx_pytorch.processors.distortion.clippers import ExponentialClipper as _ExponentialClipper
from diffFx_pytorch.processors.distortion.clippers import HardClipper as _HardClipper
from diffFx_pytorch.processors.distortion.clippers import SoftClipper as _SoftClipper
from diffFx_pytorch.processors.distortion.overdrive import Overdrive as _Overdrive
from diffFx_pytorch.processors.distortion.rectifier import Rectifier as _Rectifier
from diffFx_pytorch.processors.distortion.tanh import TanH as _TanH
from diffFx_pytorch.processors.distortion.waveshaper import Waveshaper as _Waveshaper

class ArcTanClipper(_ArcTanClipper):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        oversampling: Literal[1, 2, 4, 8] = 1,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
    ) -> None: ...

class CubicClipper(_CubicClipper):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        oversampling: Literal[1, 2, 4, 8] = 1,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
    ) -> None: ...

class DoubleSoftClipper(_DoubleSoftClipper):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        oversampling: Literal[1, 2, 4, 8] = 1,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
    ) -> None: ...

class ExponentialClipper(_ExponentialClipper):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        oversampling: Literal[1, 2, 4, 8] = 1,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
    ) -> None: ...

class HardClipper(_HardClipper):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        oversampling: Literal[1, 2, 4, 8] = 1,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
    ) -> None: ...

class SoftClipper(_SoftClipper):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        oversampling: Literal[1, 2, 4, 8] = 1,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
    ) -> None: ...

class Overdrive(_Overdrive):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        oversampling: Literal[1, 2, 4, 8] = 1,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
    ) -> None: ...

class Rectifier(_Rectifier):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        oversampling: Literal[1, 2, 4, 8] = 1,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
    ) -> None: ...

class TanH(_TanH):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        oversampling: Literal[1, 2, 4, 8] = 1,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
    ) -> None: ...

class Waveshaper(_Waveshaper):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_points: int = 4,
        oversampling: Literal[1, 2, 4, 8] = 1,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
    ) -> None: ...

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
