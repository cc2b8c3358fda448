from collections.abc import Mapping
from typing import Any, Literal

from diffFx_pytorch.params import EffectParam as EffectParam
from diffFx_pytorch.processors.delay.basic_delay import BasicDelay as _BasicDelay
from diffFx_pytorch.processors.delay.feedback_delay import FeedbackDelay as _FeedbackDelay
from diffFx_pytorch.processors.delay.multi_tap_delay import MultiTapDelay as _MultiTapDelay
from diffFx_pytorch.processors.delay.ping_pong_delay import PingPongDelay as _PingPongDelay
from diffFx_pytorch.processors.delay.slapback_delay import SlapbackDelay as _SlapbackDelay
from diffFx_pytorch.processors.distortion.bit_crusher import BitCrusher as BitCrusher
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
from diffFx_pytorch.processors.modulation.auto_pan import AutoPan as _AutoPan
from diffFx_pytorch.processors.modulation.auto_wah import AutoWah as AutoWah
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
from diffFx_pytorch.processors.reverb.convolution_reverb import ConvolutionReverb as _ConvolutionReverb
from diffFx_pytorch.processors.reverb.early_reflections import EarlyReflections as _EarlyReflections
from diffFx_pytorch.processors.reverb.fdn_reverb import FDNReverb as _FDNReverb
from diffFx_pytorch.processors.reverb.noise_shaped_reverb import NoiseShapedReverb as _NoiseShapedReverb
from diffFx_pytorch.processors.reverb.plate_reverb import PlateReverb as _PlateReverb
from diffFx_pytorch.processors.reverb.schroeder_reverb import SchroederReverb as SchroederReverb
from diffFx_pytorch.processors.reverb.velvet_reverb import VelvetReverb as _VelvetReverb
from diffFx_pytorch.processors.spatial.mono_maker import MonoMaker as MonoMaker
from diffFx_pytorch.processors.spatial.stereo_enhancer import StereoEnhancer as _StereoEnhancer
from diffFx_pytorch.processors.spatial.stereo_imager import StereoImager as _StereoImager
from diffFx_pytorch.processors.spatial.stereo_panning import StereoPanning as _StereoPanning
from diffFx_pytorch.processors.spatial.stereo_widener import StereoWidener as StereoWidener
from diffFx_pytorch.processors.spectral.pitch_shift import PitchShift as _PitchShift
from diffFx_pytorch.processors.spectral.spectral_gate import SpectralGate as _SpectralGate
from diffFx_pytorch.processors.utility.dc_blocker import DCBlocker as DCBlocker
from diffFx_pytorch.processors.utility.dither import Dither as _Dither
from diffFx_pytorch.processors.utility.fade import Fade as _Fade
from diffFx_pytorch.processors.utility.gain import Gain as Gain
from diffFx_pytorch.processors.utility.invert import Invert as Invert

_Ranges = Mapping[str, EffectParam] | None

class _LikeBasicDelay:
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        tempo_bpm: float | None = None,
        interpolation: Literal["linear", "cubic", "lagrange", "sinc", "allpass"] = "lagrange",
    ) -> None: ...

class BasicDelay(_LikeBasicDelay, _BasicDelay): ...
class PingPongDelay(_LikeBasicDelay, _PingPongDelay): ...
class SlapbackDelay(_LikeBasicDelay, _SlapbackDelay): ...

class FeedbackDelay(_FeedbackDelay):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        tempo_bpm: float | None = None,
        saturation: Literal[None, "tanh"] = None,
        interpolation: Literal["linear", "cubic", "lagrange", "sinc", "allpass"] = "lagrange",
    ) -> None: ...

class MultiTapDelay(_MultiTapDelay):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_taps: int = 4,
        tempo_bpm: float | None = None,
        law: Literal["constant_power", "linear", "-4.5 dB"] = "constant_power",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
    ) -> None: ...

class _LikeArcTanClipper:
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        oversampling: Literal[8, 4, 2, 1] = 4,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
        level_match: bool = False,
        ceiling: Literal["filtered", "strict"] = "filtered",
    ) -> None: ...

class ArcTanClipper(_LikeArcTanClipper, _ArcTanClipper): ...
class CubicClipper(_LikeArcTanClipper, _CubicClipper): ...
class DoubleSoftClipper(_LikeArcTanClipper, _DoubleSoftClipper): ...
class ExponentialClipper(_LikeArcTanClipper, _ExponentialClipper): ...
class HardClipper(_LikeArcTanClipper, _HardClipper): ...
class SoftClipper(_LikeArcTanClipper, _SoftClipper): ...
class TanH(_LikeArcTanClipper, _TanH): ...

class _LikeOverdrive:
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        oversampling: Literal[8, 4, 2, 1] = 4,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
        level_match: bool = False,
    ) -> None: ...

class Overdrive(_LikeOverdrive, _Overdrive): ...
class Rectifier(_LikeOverdrive, _Rectifier): ...

class Waveshaper(_Waveshaper):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_points: int = 4,
        oversampling: Literal[8, 4, 2, 1] = 4,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
        level_match: bool = False,
    ) -> None: ...

class Compressor(_Compressor):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        detector: Literal["peak", "rms"] = "peak",
        link: bool = True,
        lookahead_ms: float = 0.0,
        key_highpass_hz: float | None = None,
        rms_ms: float = 25.0,
    ) -> None: ...

class _LikeDeEsser:
    def __init__(self, sample_rate: float = 44100, param_range: _Ranges = None, *, link: bool = True) -> None: ...

class DeEsser(_LikeDeEsser, _DeEsser): ...
class TransientShaper(_LikeDeEsser, _TransientShaper): ...

class _LikeExpander:
    def __init__(
        self, sample_rate: float = 44100, param_range: _Ranges = None, *, link: bool = True, lookahead_ms: float = 0.0
    ) -> None: ...

class Expander(_LikeExpander, _Expander): ...
class NoiseGate(_LikeExpander, _NoiseGate): ...

class Limiter(_Limiter):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        lookahead_ms: float = 5.0,
        true_peak: bool = False,
        link: bool = True,
    ) -> None: ...

class MultiBandCompressor(_MultiBandCompressor):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_bands: int = 3,
        detector: Literal["peak", "rms"] = "peak",
        link: bool = True,
        lookahead_ms: float = 0.0,
        rms_ms: float = 25.0,
    ) -> None: ...

class _LikeMultiBandExpander:
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_bands: int = 3,
        link: bool = True,
        lookahead_ms: float = 0.0,
    ) -> None: ...

class MultiBandExpander(_LikeMultiBandExpander, _MultiBandExpander): ...
class MultiBandNoiseGate(_LikeMultiBandExpander, _MultiBandNoiseGate): ...

class MultiBandLimiter(_MultiBandLimiter):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_bands: int = 3,
        lookahead_ms: float = 5.0,
        true_peak: bool = False,
        link: bool = True,
    ) -> None: ...

class MultiBandTransientShaper(_MultiBandTransientShaper):
    def __init__(
        self, sample_rate: float = 44100, param_range: _Ranges = None, *, num_bands: int = 3, link: bool = True
    ) -> None: ...

class DynamicEqualizer(_DynamicEqualizer):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_bands: int = 3,
        direction: Any = "above",
        link: bool = True,
        rms_ms: float = 25.0,
    ) -> None: ...

class GraphicEqualizer(_GraphicEqualizer):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        bands: Any = "octave",
        design: Literal["matched", "bilinear"] = "matched",
    ) -> None: ...

class ParametricEqualizer(_ParametricEqualizer):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_peaks: int = 3,
        design: Literal["matched", "bilinear"] = "matched",
    ) -> None: ...

class _LikeAllPass:
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        design: Literal["matched", "bilinear"] = "matched",
    ) -> None: ...

class AllPass(_LikeAllPass, _AllPass): ...
class BandPass(_LikeAllPass, _BandPass): ...
class HighShelf(_LikeAllPass, _HighShelf): ...
class LowShelf(_LikeAllPass, _LowShelf): ...
class Notch(_LikeAllPass, _Notch): ...
class Peak(_LikeAllPass, _Peak): ...

class _LikeHighPass:
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        slope_db_per_octave: Literal[6, 12, 24, 48] = 12,
        design: Literal["matched", "bilinear"] = "matched",
    ) -> None: ...

class HighPass(_LikeHighPass, _HighPass): ...
class LowPass(_LikeHighPass, _LowPass): ...

class ToneStack(_ToneStack):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
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

class AutoPan(_AutoPan):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        law: Literal["constant_power", "linear", "-4.5 dB"] = "constant_power",
    ) -> None: ...

class _LikeChorus:
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
    ) -> None: ...

class Chorus(_LikeChorus, _Chorus): ...
class StereoChorus(_LikeChorus, _StereoChorus): ...
class FeedbackFlanger(_LikeChorus, _FeedbackFlanger): ...
class Flanger(_LikeChorus, _Flanger): ...
class StereoFlanger(_LikeChorus, _StereoFlanger): ...
class Vibrato(_LikeChorus, _Vibrato): ...

class MultiVoiceChorus(_MultiVoiceChorus):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_voices: int = 3,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
    ) -> None: ...

class Phaser(_Phaser):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_stages: int = 6,
        shape: Literal["sine", "triangle", "square"] = "sine",
    ) -> None: ...

class _LikeRingModulator:
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
    ) -> None: ...

class RingModulator(_LikeRingModulator, _RingModulator): ...
class Tremolo(_LikeRingModulator, _Tremolo): ...

class ConvolutionReverb(_ConvolutionReverb):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
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
    def __init__(self, sample_rate: float = 44100, param_range: _Ranges = None, *, order: int = 3) -> None: ...

class FDNReverb(_FDNReverb):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
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
        param_range: _Ranges = None,
        *,
        num_bands: int = 12,
        ir_seconds: float = 2.0,
        seed: int = 0,
    ) -> None: ...

class PlateReverb(_PlateReverb):
    def __init__(self, sample_rate: float = 44100, param_range: _Ranges = None, *, size: float = 1.0) -> None: ...

class VelvetReverb(_VelvetReverb):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        density: float = 2000.0,
        ir_seconds: float = 2.5,
        seed: int = 0,
    ) -> None: ...

class StereoEnhancer(_StereoEnhancer):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        side: Literal["right", "left"] = "right",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
    ) -> None: ...

class StereoImager(_StereoImager):
    def __init__(self, sample_rate: float = 44100, param_range: _Ranges = None, *, num_bands: int = 3) -> None: ...

class StereoPanning(_StereoPanning):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        law: Literal["constant_power", "linear", "-4.5 dB"] = "constant_power",
    ) -> None: ...

class PitchShift(_PitchShift):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        method: Literal["locked", "gradient"] = "locked",
        window_ms: float = 46.0,
        link: bool = True,
    ) -> None: ...

class SpectralGate(_SpectralGate):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        noise: Any = "follow",
        quantile: float = 0.1,
        window_ms: float = 32.0,
        link: bool = True,
    ) -> None: ...

class Dither(_Dither):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        bits: int = 16,
        quantize: bool = True,
        seed: int = 0,
    ) -> None: ...

class Fade(_Fade):
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        shape: Literal["linear", "equal_power", "exponential", "s_curve"] = "s_curve",
        length_s: float | None = None,
    ) -> None: ...
