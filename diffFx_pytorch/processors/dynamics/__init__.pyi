from collections.abc import Mapping
from typing import Literal

from diffFx_pytorch.params import EffectParam
from diffFx_pytorch.processors.dynamics.compressor import Compressor as _Compressor
from diffFx_pytorch.processors.dynamics.de_esser import DeEsser as _DeEsser
from diffFx_pytorch.processors.dynamics.expander import Expander as _Expander
from diffFx_pytorch.processors.dynamics.limiter import Limiter as _Limiter
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandCompressor as _MultiBandCompressor
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandExpander as _MultiBandExpander
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandLimiter as _MultiBandLimiter
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandNoiseGate as _MultiBandNoiseGate
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandTransientShaper as _MultiBandTransientShaper
from diffFx_pytorch.processors.dynamics.noise_gate import NoiseGate as _NoiseGate
from diffFx_pytorch.processors.dynamics.transient_shaper import TransientShaper as _TransientShaper

class Compressor(_Compressor):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        detector: Literal["peak", "rms"] = "peak",
        link: bool = True,
        lookahead_ms: float = 0.0,
        key_highpass_hz: float | None = None,
        rms_ms: float = 5.0,
    ) -> None: ...

class DeEsser(_DeEsser):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        link: bool = True,
    ) -> None: ...

class Expander(_Expander):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        link: bool = True,
        lookahead_ms: float = 0.0,
    ) -> None: ...

class Limiter(_Limiter):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        lookahead_ms: float = 5.0,
        true_peak: bool = False,
        link: bool = True,
    ) -> None: ...

class MultiBandCompressor(_MultiBandCompressor):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_bands: int = 3,
        detector: Literal["peak", "rms"] = "peak",
        link: bool = True,
        lookahead_ms: float = 0.0,
        rms_ms: float = 5.0,
    ) -> None: ...

class MultiBandExpander(_MultiBandExpander):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_bands: int = 3,
        link: bool = True,
        lookahead_ms: float = 0.0,
    ) -> None: ...

class MultiBandLimiter(_MultiBandLimiter):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_bands: int = 3,
        lookahead_ms: float = 5.0,
        true_peak: bool = False,
        link: bool = True,
    ) -> None: ...

class MultiBandNoiseGate(_MultiBandNoiseGate):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_bands: int = 3,
        link: bool = True,
        lookahead_ms: float = 0.0,
    ) -> None: ...

class MultiBandTransientShaper(_MultiBandTransientShaper):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_bands: int = 3,
        link: bool = True,
    ) -> None: ...

class NoiseGate(_NoiseGate):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        link: bool = True,
        lookahead_ms: float = 0.0,
    ) -> None: ...

class TransientShaper(_TransientShaper):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        link: bool = True,
    ) -> None: ...

__all__ = [
    "Compressor",
    "DeEsser",
    "Expander",
    "Limiter",
    "MultiBandCompressor",
    "MultiBandExpander",
    "MultiBandLimiter",
    "MultiBandNoiseGate",
    "MultiBandTransientShaper",
    "NoiseGate",
    "TransientShaper",
]
