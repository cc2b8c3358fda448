from collections.abc import Mapping
from typing import Literal

from diffFx_pytorch.params import EffectParam
from diffFx_pytorch.processors.delay.basic_delay import BasicDelay as _BasicDelay
from diffFx_pytorch.processors.delay.feedback_delay import FeedbackDelay as _FeedbackDelay
from diffFx_pytorch.processors.delay.multi_tap_delay import MultiTapDelay as _MultiTapDelay
from diffFx_pytorch.processors.delay.ping_pong_delay import PingPongDelay as _PingPongDelay
from diffFx_pytorch.processors.delay.slapback_delay import SlapbackDelay as _SlapbackDelay

class BasicDelay(_BasicDelay):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        tempo_bpm: float | None = None,
        interpolation: Literal["linear", "cubic", "lagrange", "sinc", "allpass"] = "lagrange",
    ) -> None: ...

class FeedbackDelay(_FeedbackDelay):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        tempo_bpm: float | None = None,
        saturation: Literal[None, "tanh"] = None,
        interpolation: Literal["linear", "cubic", "lagrange", "sinc", "allpass"] = "lagrange",
    ) -> None: ...

class MultiTapDelay(_MultiTapDelay):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_taps: int = 4,
        tempo_bpm: float | None = None,
        law: Literal["constant_power", "linear", "-4.5 dB"] = "constant_power",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
    ) -> None: ...

class PingPongDelay(_PingPongDelay):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        tempo_bpm: float | None = None,
        interpolation: Literal["linear", "cubic", "lagrange", "sinc", "allpass"] = "lagrange",
    ) -> None: ...

class SlapbackDelay(_SlapbackDelay):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        tempo_bpm: float | None = None,
        interpolation: Literal["linear", "cubic", "lagrange", "sinc", "allpass"] = "lagrange",
    ) -> None: ...

__all__ = [
    "BasicDelay",
    "FeedbackDelay",
    "MultiTapDelay",
    "PingPongDelay",
    "SlapbackDelay",
]
