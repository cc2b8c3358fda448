from collections.abc import Mapping
from typing import Literal

from diffFx_pytorch.params import EffectParam
from diffFx_pytorch.processors.modulation.auto_pan import AutoPan as _AutoPan
from diffFx_pytorch.processors.modulation.auto_wah import AutoWah
from diffFx_pytorch.processors.modulation.chorus import Chorus as _Chorus
from diffFx_pytorch.processors.modulation.chorus import MultiVoiceChorus as _MultiVoiceChorus
from diffFx_pytorch.processors.modulation.chorus import StereoChorus as _StereoChorus
from diffFx_pytorch.processors.modulation.flanger import FeedbackFlanger as _FeedbackFlanger
from diffFx_pytorch.processors.modulation.flanger import Flanger as _Flanger
from diffFx_pytorch.processors.modulation.flanger import StereoFlanger as _StereoFlanger
from diffFx_pytorch.processors.modulation.phaser import Phaser as _Phaser
from diffFx_pytorch.processors.modulation.ring_modulator import RingModulator as _RingModulator
from diffFx_pytorch.processors.modulation.tremolo import Tremolo as _Tremolo
from diffFx_pytorch.processors.modulation.vibrato import Vibrato as _Vibrato

class AutoPan(_AutoPan):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        law: Literal["constant_power", "linear", "-4.5 dB"] = "constant_power",
    ) -> None: ...

class Chorus(_Chorus):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
    ) -> None: ...

class MultiVoiceChorus(_MultiVoiceChorus):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_voices: int = 3,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
    ) -> None: ...

class StereoChorus(_StereoChorus):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
    ) -> None: ...

class FeedbackFlanger(_FeedbackFlanger):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
    ) -> None: ...

class Flanger(_Flanger):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
    ) -> None: ...

class StereoFlanger(_StereoFlanger):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
    ) -> None: ...

class Phaser(_Phaser):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_stages: int = 6,
        shape: Literal["sine", "triangle", "square"] = "sine",
    ) -> None: ...

class RingModulator(_RingModulator):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
    ) -> None: ...

class Tremolo(_Tremolo):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
    ) -> None: ...

class Vibrato(_Vibrato):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
    ) -> None: ...

__all__ = [
    "AutoPan",
    "AutoWah",
    "Chorus",
    "FeedbackFlanger",
    "Flanger",
    "MultiVoiceChorus",
    "Phaser",
    "RingModulator",
    "StereoChorus",
    "StereoFlanger",
    "Tremolo",
    "Vibrato",
]
