from collections.abc import Mapping
from typing import Any, Literal

from diffFx_pytorch.params import EffectParam
from diffFx_pytorch.processors.reverb.convolution_reverb import ConvolutionReverb as _ConvolutionReverb
from diffFx_pytorch.processors.reverb.early_reflections import EarlyReflections as _EarlyReflections
from diffFx_pytorch.processors.reverb.fdn_reverb import FDNReverb as _FDNReverb
from diffFx_pytorch.processors.reverb.noise_shaped_reverb import NoiseShapedReverb as _NoiseShapedReverb
from diffFx_pytorch.processors.reverb.plate_reverb import PlateReverb as _PlateReverb
from diffFx_pytorch.processors.reverb.schroeder_reverb import SchroederReverb
from diffFx_pytorch.processors.reverb.velvet_reverb import VelvetReverb as _VelvetReverb

class ConvolutionReverb(_ConvolutionReverb):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        ir: Any = None,
        ir_rate: float | None = None,
        normalize: bool = True,
        true_stereo: bool = False,
        trim: bool = False,
        learnable: bool = False,
        latency: Literal[0, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384] = 0,
    ) -> None: ...

class EarlyReflections(_EarlyReflections):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        order: int = 3,
    ) -> None: ...

class FDNReverb(_FDNReverb):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_lines: Literal[4, 8, 16] = 8,
        matrix: Literal["hadamard", "householder", "random orthogonal"] = "hadamard",
        decay: Literal["three_band", "octave"] = "three_band",
        modulation: bool = False,
        compute: Literal["time", "frequency"] = "time",
        seed: int = 0,
    ) -> None: ...

class NoiseShapedReverb(_NoiseShapedReverb):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_bands: int = 12,
        ir_seconds: float = 2.0,
        seed: int = 0,
    ) -> None: ...

class PlateReverb(_PlateReverb):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        size: float = 1.0,
    ) -> None: ...

class VelvetReverb(_VelvetReverb):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        density: float = 2000.0,
        ir_seconds: float = 2.5,
        seed: int = 0,
    ) -> None: ...

__all__ = [
    "ConvolutionReverb",
    "EarlyReflections",
    "FDNReverb",
    "NoiseShapedReverb",
    "PlateReverb",
    "SchroederReverb",
    "VelvetReverb",
]
