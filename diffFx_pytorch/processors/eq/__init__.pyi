from collections.abc import Mapping
from typing import Any, Literal

from diffFx_pytorch.params import EffectParam
from diffFx_pytorch.processors.eq.dynamic_equalizer import DynamicEqualizer as _DynamicEqualizer
from diffFx_pytorch.processors.eq.graphic_equalizer import GraphicEqualizer as _GraphicEqualizer
from diffFx_pytorch.processors.eq.parametric_equalizer import ParametricEqualizer as _ParametricEqualizer
from diffFx_pytorch.processors.eq.single_filters import AllPass as _AllPass
from diffFx_pytorch.processors.eq.single_filters import BandPass as _BandPass
from diffFx_pytorch.processors.eq.single_filters import HighPass as _HighPass
from diffFx_pytorch.processors.eq.single_filters import HighShelf as _HighShelf
from diffFx_pytorch.processors.eq.single_filters import LowPass as _LowPass
from diffFx_pytorch.processors.eq.single_filters import LowShelf as _LowShelf
from diffFx_pytorch.processors.eq.single_filters import Notch as _Notch
from diffFx_pytorch.processors.eq.single_filters import Peak as _Peak
from diffFx_pytorch.processors.eq.tone_stack import ToneStack as _ToneStack

class DynamicEqualizer(_DynamicEqualizer):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_bands: int = 3,
        direction: Any = "above",
        link: bool = True,
        rms_ms: float = 5.0,
    ) -> None: ...

class GraphicEqualizer(_GraphicEqualizer):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        bands: Any = "octave",
        design: Literal["matched", "bilinear"] = "matched",
    ) -> None: ...

class ParametricEqualizer(_ParametricEqualizer):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_peaks: int = 3,
        design: Literal["matched", "bilinear"] = "matched",
    ) -> None: ...

class AllPass(_AllPass):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        design: Literal["matched", "bilinear"] = "matched",
    ) -> None: ...

class BandPass(_BandPass):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        design: Literal["matched", "bilinear"] = "matched",
    ) -> None: ...

class HighPass(_HighPass):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        slope_db_per_octave: Literal[6, 12, 24, 48] = 12,
        design: Literal["matched", "bilinear"] = "matched",
    ) -> None: ...

class HighShelf(_HighShelf):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        design: Literal["matched", "bilinear"] = "matched",
    ) -> None: ...

class LowPass(_LowPass):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        slope_db_per_octave: Literal[6, 12, 24, 48] = 12,
        design: Literal["matched", "bilinear"] = "matched",
    ) -> None: ...

class LowShelf(_LowShelf):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        design: Literal["matched", "bilinear"] = "matched",
    ) -> None: ...

class Notch(_Notch):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        design: Literal["matched", "bilinear"] = "matched",
    ) -> None: ...

class Peak(_Peak):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        design: Literal["matched", "bilinear"] = "matched",
    ) -> None: ...

class ToneStack(_ToneStack):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        preset: Literal[
            "fender_bassman",
            "fender_twin_reverb",
            "fender_princeton",
            "fender_blues_junior",
            "fender_hot_rod_deville",
            "marshall_major_200",
            "marshall_jcm800",
            "marshall_2199",
            "mesa_boogie_mark",
            "soldano_slo_100",
            "sovtek_mig_100",
            "peavey_classic_20",
            "ampeg_reverberocket",
            "roland_cube_60",
            "bogner_triple_giant",
        ] = "fender_bassman",
        makeup_db: float = 0.0,
        bass_taper: Literal["linear", "audio"] = "linear",
    ) -> None: ...

__all__ = [
    "AllPass",
    "BandPass",
    "DynamicEqualizer",
    "GraphicEqualizer",
    "HighPass",
    "HighShelf",
    "LowPass",
    "LowShelf",
    "Notch",
    "ParametricEqualizer",
    "Peak",
    "ToneStack",
]
