from collections.abc import Mapping
from typing import Any, Literal

from diffFx_pytorch.params import EffectParam
from diffFx_pytorch.processors.spectral.pitch_shift import PitchShift as _PitchShift
from diffFx_pytorch.processors.spectral.spectral_gate import SpectralGate as _SpectralGate

class PitchShift(_PitchShift):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        method: Literal["locked", "gradient"] = "locked",
        window_ms: float = 46.0,
        link: bool = True,
    ) -> None: ...

class SpectralGate(_SpectralGate):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        noise: Any = "follow",
        quantile: float = 0.25,
        window_ms: float = 32.0,
        link: bool = True,
    ) -> None: ...

__all__ = [
    "PitchShift",
    "SpectralGate",
]
