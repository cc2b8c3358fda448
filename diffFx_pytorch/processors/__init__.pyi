from collections.abc import Mapping
from typing import Any, Literal

from typing_extensions import TypedDict, Unpack

from diffFx_pytorch.control import Knobs, KnobValue
from diffFx_pytorch.params import EffectParam as EffectParam
from diffFx_pytorch.processors.delay.basic_delay import BasicDelay as _BasicDelay
from diffFx_pytorch.processors.delay.diffusion_delay import DiffusionDelay as _DiffusionDelay
from diffFx_pytorch.processors.delay.feedback_delay import FeedbackDelay as _FeedbackDelay
from diffFx_pytorch.processors.delay.granular_delay import GranularDelay as _GranularDelay
from diffFx_pytorch.processors.delay.multi_tap_delay import MultiTapDelay as _MultiTapDelay
from diffFx_pytorch.processors.delay.ping_pong_delay import PingPongDelay as _PingPongDelay
from diffFx_pytorch.processors.delay.slapback_delay import SlapbackDelay as _SlapbackDelay
from diffFx_pytorch.processors.delay.tape_delay import TapeDelay as _TapeDelay
from diffFx_pytorch.processors.distortion.amp_stage import AmpStage as _AmpStage
from diffFx_pytorch.processors.distortion.bit_crusher import BitCrusher as _BitCrusher
from diffFx_pytorch.processors.distortion.cabinet import Cabinet as _Cabinet
from diffFx_pytorch.processors.distortion.clippers import ArcTanClipper as _ArcTanClipper
from diffFx_pytorch.processors.distortion.clippers import CubicClipper as _CubicClipper
from diffFx_pytorch.processors.distortion.clippers import DoubleSoftClipper as _DoubleSoftClipper
from diffFx_pytorch.processors.distortion.clippers import ExponentialClipper as _ExponentialClipper
from diffFx_pytorch.processors.distortion.clippers import HardClipper as _HardClipper
from diffFx_pytorch.processors.distortion.clippers import SoftClipper as _SoftClipper
from diffFx_pytorch.processors.distortion.harmonics import BassEnhancer as _BassEnhancer
from diffFx_pytorch.processors.distortion.harmonics import Exciter as _Exciter
from diffFx_pytorch.processors.distortion.multi_band_saturator import MultiBandSaturator as _MultiBandSaturator
from diffFx_pytorch.processors.distortion.overdrive import Overdrive as _Overdrive
from diffFx_pytorch.processors.distortion.rectifier import Rectifier as _Rectifier
from diffFx_pytorch.processors.distortion.tanh import TanH as _TanH
from diffFx_pytorch.processors.distortion.tape import Tape as _Tape
from diffFx_pytorch.processors.distortion.waveshaper import Waveshaper as _Waveshaper
from diffFx_pytorch.processors.dynamics.compressor import Compressor as _Compressor
from diffFx_pytorch.processors.dynamics.de_esser import DeEsser as _DeEsser
from diffFx_pytorch.processors.dynamics.de_plosive import DePlosive as _DePlosive
from diffFx_pytorch.processors.dynamics.expander import Expander as _Expander
from diffFx_pytorch.processors.dynamics.limiter import Limiter as _Limiter
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandCompressor as _MultiBandCompressor
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandExpander as _MultiBandExpander
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandLimiter as _MultiBandLimiter
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandNoiseGate as _MultiBandNoiseGate
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandTransientShaper as _MultiBandTransientShaper
from diffFx_pytorch.processors.dynamics.noise_gate import NoiseGate as _NoiseGate
from diffFx_pytorch.processors.dynamics.transient_shaper import TransientShaper as _TransientShaper
from diffFx_pytorch.processors.eq.de_hum import DeHum as _DeHum
from diffFx_pytorch.processors.eq.dynamic_equalizer import DynamicEqualizer as _DynamicEqualizer
from diffFx_pytorch.processors.eq.fir_filter import FIRFilter as _FIRFilter
from diffFx_pytorch.processors.eq.graphic_equalizer import GraphicEqualizer as _GraphicEqualizer
from diffFx_pytorch.processors.eq.linear_phase_equalizer import LinearPhaseEqualizer as _LinearPhaseEqualizer
from diffFx_pytorch.processors.eq.parametric_equalizer import ParametricEqualizer as _ParametricEqualizer
from diffFx_pytorch.processors.eq.passive_equalizer import PassiveEqualizer as _PassiveEqualizer
from diffFx_pytorch.processors.eq.single_filters import AllPass as _AllPass
from diffFx_pytorch.processors.eq.single_filters import BandPass as _BandPass
from diffFx_pytorch.processors.eq.single_filters import HighPass as _HighPass
from diffFx_pytorch.processors.eq.single_filters import HighShelf as _HighShelf
from diffFx_pytorch.processors.eq.single_filters import LowPass as _LowPass
from diffFx_pytorch.processors.eq.single_filters import LowShelf as _LowShelf
from diffFx_pytorch.processors.eq.single_filters import Notch as _Notch
from diffFx_pytorch.processors.eq.single_filters import Peak as _Peak
from diffFx_pytorch.processors.eq.spectral_equalizer import SpectralEqualizer as _SpectralEqualizer
from diffFx_pytorch.processors.eq.tilt_equalizer import TiltEqualizer as _TiltEqualizer
from diffFx_pytorch.processors.eq.tone_stack import ToneStack as _ToneStack
from diffFx_pytorch.processors.modulation.auto_pan import AutoPan as _AutoPan
from diffFx_pytorch.processors.modulation.auto_wah import AutoWah as _AutoWah
from diffFx_pytorch.processors.modulation.chorus import Chorus as _Chorus
from diffFx_pytorch.processors.modulation.chorus import MultiVoiceChorus as _MultiVoiceChorus
from diffFx_pytorch.processors.modulation.chorus import StereoChorus as _StereoChorus
from diffFx_pytorch.processors.modulation.ensemble import Ensemble as _Ensemble
from diffFx_pytorch.processors.modulation.flanger import FeedbackFlanger as _FeedbackFlanger
from diffFx_pytorch.processors.modulation.flanger import Flanger as _Flanger
from diffFx_pytorch.processors.modulation.flanger import StereoFlanger as _StereoFlanger
from diffFx_pytorch.processors.modulation.lfo_filter import LFOFilter as _LFOFilter
from diffFx_pytorch.processors.modulation.phaser import Phaser as _Phaser
from diffFx_pytorch.processors.modulation.ring_modulator import RingModulator as _RingModulator
from diffFx_pytorch.processors.modulation.rotary_speaker import RotarySpeaker as _RotarySpeaker
from diffFx_pytorch.processors.modulation.through_zero_flanger import ThroughZeroFlanger as _ThroughZeroFlanger
from diffFx_pytorch.processors.modulation.tremolo import Tremolo as _Tremolo
from diffFx_pytorch.processors.modulation.vibrato import Vibrato as _Vibrato
from diffFx_pytorch.processors.reverb.convolution_reverb import ConvolutionReverb as _ConvolutionReverb
from diffFx_pytorch.processors.reverb.early_reflections import EarlyReflections as _EarlyReflections
from diffFx_pytorch.processors.reverb.fdn_reverb import FDNReverb as _FDNReverb
from diffFx_pytorch.processors.reverb.noise_shaped_reverb import NoiseShapedReverb as _NoiseShapedReverb
from diffFx_pytorch.processors.reverb.plate_reverb import PlateReverb as _PlateReverb
from diffFx_pytorch.processors.reverb.schroeder_reverb import SchroederReverb as _SchroederReverb
from diffFx_pytorch.processors.reverb.shaped_reverb import ShapedReverb as _ShapedReverb
from diffFx_pytorch.processors.reverb.shimmer_reverb import ShimmerReverb as _ShimmerReverb
from diffFx_pytorch.processors.reverb.velvet_reverb import VelvetReverb as _VelvetReverb
from diffFx_pytorch.processors.spatial.mono_maker import MonoMaker as _MonoMaker
from diffFx_pytorch.processors.spatial.stereo_enhancer import StereoEnhancer as _StereoEnhancer
from diffFx_pytorch.processors.spatial.stereo_imager import StereoImager as _StereoImager
from diffFx_pytorch.processors.spatial.stereo_panning import StereoPanning as _StereoPanning
from diffFx_pytorch.processors.spatial.stereo_widener import StereoWidener as _StereoWidener
from diffFx_pytorch.processors.spectral.de_click import DeClick as _DeClick
from diffFx_pytorch.processors.spectral.de_reverb import DeReverb as _DeReverb
from diffFx_pytorch.processors.spectral.harmonizer import Harmonizer as _Harmonizer
from diffFx_pytorch.processors.spectral.pitch_correction import PitchCorrection as _PitchCorrection
from diffFx_pytorch.processors.spectral.pitch_shift import PitchShift as _PitchShift
from diffFx_pytorch.processors.spectral.spectral_gate import SpectralGate as _SpectralGate
from diffFx_pytorch.processors.spectral.vocoder import Vocoder as _Vocoder
from diffFx_pytorch.processors.utility.dc_blocker import DCBlocker as _DCBlocker
from diffFx_pytorch.processors.utility.dither import Dither as _Dither
from diffFx_pytorch.processors.utility.fade import Fade as _Fade
from diffFx_pytorch.processors.utility.gain import Gain as _Gain
from diffFx_pytorch.processors.utility.invert import Invert as _Invert
from diffFx_pytorch.processors.utility.meter import Meter as _Meter

from diffFx_pytorch.sound import Sound

_Ranges = Mapping[str, EffectParam] | None

class _Setting:
    def __get__(self, fx: Any, cls: Any = None) -> Any: ...
    def __set__(self, fx: Any, value: KnobValue) -> None: ...

__all__ = [
    "AllPass",
    "AmpStage",
    "ArcTanClipper",
    "AutoPan",
    "AutoWah",
    "BandPass",
    "BasicDelay",
    "BassEnhancer",
    "BitCrusher",
    "Cabinet",
    "Chorus",
    "Compressor",
    "ConvolutionReverb",
    "CubicClipper",
    "DCBlocker",
    "DeClick",
    "DeEsser",
    "DeHum",
    "DePlosive",
    "DeReverb",
    "DiffusionDelay",
    "Dither",
    "DoubleSoftClipper",
    "DynamicEqualizer",
    "EarlyReflections",
    "Ensemble",
    "Exciter",
    "Expander",
    "ExponentialClipper",
    "FDNReverb",
    "FIRFilter",
    "Fade",
    "FeedbackDelay",
    "FeedbackFlanger",
    "Flanger",
    "Gain",
    "GranularDelay",
    "GraphicEqualizer",
    "HardClipper",
    "Harmonizer",
    "HighPass",
    "HighShelf",
    "Invert",
    "LFOFilter",
    "Limiter",
    "LinearPhaseEqualizer",
    "LowPass",
    "LowShelf",
    "Meter",
    "MonoMaker",
    "MultiBandCompressor",
    "MultiBandExpander",
    "MultiBandLimiter",
    "MultiBandNoiseGate",
    "MultiBandSaturator",
    "MultiBandTransientShaper",
    "MultiTapDelay",
    "MultiVoiceChorus",
    "NoiseGate",
    "NoiseShapedReverb",
    "Notch",
    "Overdrive",
    "ParametricEqualizer",
    "PassiveEqualizer",
    "Peak",
    "Phaser",
    "PingPongDelay",
    "PitchCorrection",
    "PitchShift",
    "PlateReverb",
    "Rectifier",
    "RingModulator",
    "RotarySpeaker",
    "SchroederReverb",
    "ShapedReverb",
    "ShimmerReverb",
    "SlapbackDelay",
    "SoftClipper",
    "SpectralEqualizer",
    "SpectralGate",
    "StereoChorus",
    "StereoEnhancer",
    "StereoFlanger",
    "StereoImager",
    "StereoPanning",
    "StereoWidener",
    "TanH",
    "Tape",
    "TapeDelay",
    "ThroughZeroFlanger",
    "TiltEqualizer",
    "ToneStack",
    "TransientShaper",
    "Tremolo",
    "VelvetReverb",
    "Vibrato",
    "Vocoder",
    "Waveshaper",
]

class _BasicDelayKnobs(TypedDict, total=False):
    delay_ms: KnobValue
    mix: KnobValue
    delay_beats: KnobValue

class _LikeBasicDelay:
    delay_ms: _Setting
    mix: _Setting
    delay_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        tempo_bpm: float | None = None,
        interpolation: Literal["linear", "cubic", "lagrange", "sinc", "allpass"] = "lagrange",
        **settings: Unpack[_BasicDelayKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _BasicDelayKnobs | Knobs | None = None,
        dsp_params: _BasicDelayKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_BasicDelayKnobs],
    ) -> Sound: ...

class BasicDelay(_LikeBasicDelay, _BasicDelay): ...

class _DiffusionDelayKnobs(TypedDict, total=False):
    delay_ms: KnobValue
    feedback: KnobValue
    diffusion: KnobValue
    lowpass_hz: KnobValue
    highpass_hz: KnobValue
    mix: KnobValue
    delay_beats: KnobValue

class _LikeDiffusionDelay:
    delay_ms: _Setting
    feedback: _Setting
    diffusion: _Setting
    lowpass_hz: _Setting
    highpass_hz: _Setting
    mix: _Setting
    delay_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        tempo_bpm: float | None = None,
        size_ms: float = 60.0,
        **settings: Unpack[_DiffusionDelayKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _DiffusionDelayKnobs | Knobs | None = None,
        dsp_params: _DiffusionDelayKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_DiffusionDelayKnobs],
    ) -> Sound: ...

class DiffusionDelay(_LikeDiffusionDelay, _DiffusionDelay): ...

class _FeedbackDelayKnobs(TypedDict, total=False):
    delay_ms: KnobValue
    feedback: KnobValue
    lowpass_hz: KnobValue
    highpass_hz: KnobValue
    mix: KnobValue
    delay_beats: KnobValue
    feedforward: KnobValue
    blend: KnobValue

class _LikeFeedbackDelay:
    delay_ms: _Setting
    feedback: _Setting
    lowpass_hz: _Setting
    highpass_hz: _Setting
    mix: _Setting
    delay_beats: _Setting
    feedforward: _Setting
    blend: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        tempo_bpm: float | None = None,
        saturation: Literal[None, "tanh"] = None,
        interpolation: Literal["linear", "cubic", "lagrange", "sinc", "allpass"] = "lagrange",
        comb: bool = False,
        **settings: Unpack[_FeedbackDelayKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _FeedbackDelayKnobs | Knobs | None = None,
        dsp_params: _FeedbackDelayKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_FeedbackDelayKnobs],
    ) -> Sound: ...

class FeedbackDelay(_LikeFeedbackDelay, _FeedbackDelay): ...

class _GranularDelayKnobs(TypedDict, total=False):
    delay_ms: KnobValue
    grain_ms: KnobValue
    density: KnobValue
    semitones: KnobValue
    spray_ms: KnobValue
    spread: KnobValue
    feedback: KnobValue
    mix: KnobValue
    delay_beats: KnobValue

class _LikeGranularDelay:
    delay_ms: _Setting
    grain_ms: _Setting
    density: _Setting
    semitones: _Setting
    spray_ms: _Setting
    spread: _Setting
    feedback: _Setting
    mix: _Setting
    delay_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        tempo_bpm: float | None = None,
        voices: int = 8,
        seed: int = 0,
        **settings: Unpack[_GranularDelayKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _GranularDelayKnobs | Knobs | None = None,
        dsp_params: _GranularDelayKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_GranularDelayKnobs],
    ) -> Sound: ...

class GranularDelay(_LikeGranularDelay, _GranularDelay): ...

class _MultiTapDelayKnobs(TypedDict, total=False):
    tap_1_delay_ms: KnobValue
    tap_1_gain_db: KnobValue
    tap_1_pan: KnobValue
    tap_2_delay_ms: KnobValue
    tap_2_gain_db: KnobValue
    tap_2_pan: KnobValue
    tap_3_delay_ms: KnobValue
    tap_3_gain_db: KnobValue
    tap_3_pan: KnobValue
    tap_4_delay_ms: KnobValue
    tap_4_gain_db: KnobValue
    tap_4_pan: KnobValue
    mix: KnobValue

class _LikeMultiTapDelay:
    tap_1_delay_ms: _Setting
    tap_1_gain_db: _Setting
    tap_1_pan: _Setting
    tap_2_delay_ms: _Setting
    tap_2_gain_db: _Setting
    tap_2_pan: _Setting
    tap_3_delay_ms: _Setting
    tap_3_gain_db: _Setting
    tap_3_pan: _Setting
    tap_4_delay_ms: _Setting
    tap_4_gain_db: _Setting
    tap_4_pan: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_taps: int = 4,
        tempo_bpm: float | None = None,
        law: Literal["constant_power", "linear", "-4.5 dB"] = "constant_power",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _MultiTapDelayKnobs | Knobs | None = None,
        dsp_params: _MultiTapDelayKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class MultiTapDelay(_LikeMultiTapDelay, _MultiTapDelay): ...

class _PingPongDelayKnobs(TypedDict, total=False):
    delay_ms: KnobValue
    feedback: KnobValue
    lowpass_hz: KnobValue
    highpass_hz: KnobValue
    width: KnobValue
    mix: KnobValue
    delay_beats: KnobValue
    feedback_left: KnobValue
    feedback_right: KnobValue

class _LikePingPongDelay:
    delay_ms: _Setting
    feedback: _Setting
    lowpass_hz: _Setting
    highpass_hz: _Setting
    width: _Setting
    mix: _Setting
    delay_beats: _Setting
    feedback_left: _Setting
    feedback_right: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        tempo_bpm: float | None = None,
        interpolation: Literal["linear", "cubic", "lagrange", "sinc", "allpass"] = "lagrange",
        feedback_each: bool = False,
        **settings: Unpack[_PingPongDelayKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _PingPongDelayKnobs | Knobs | None = None,
        dsp_params: _PingPongDelayKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_PingPongDelayKnobs],
    ) -> Sound: ...

class PingPongDelay(_LikePingPongDelay, _PingPongDelay): ...

class _SlapbackDelayKnobs(TypedDict, total=False):
    delay_ms: KnobValue
    lowpass_hz: KnobValue
    highpass_hz: KnobValue
    mix: KnobValue
    delay_beats: KnobValue

class _LikeSlapbackDelay:
    delay_ms: _Setting
    lowpass_hz: _Setting
    highpass_hz: _Setting
    mix: _Setting
    delay_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        tempo_bpm: float | None = None,
        interpolation: Literal["linear", "cubic", "lagrange", "sinc", "allpass"] = "lagrange",
        **settings: Unpack[_SlapbackDelayKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _SlapbackDelayKnobs | Knobs | None = None,
        dsp_params: _SlapbackDelayKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_SlapbackDelayKnobs],
    ) -> Sound: ...

class SlapbackDelay(_LikeSlapbackDelay, _SlapbackDelay): ...

class _TapeDelayKnobs(TypedDict, total=False):
    delay_ms: KnobValue
    feedback: KnobValue
    drive_db: KnobValue
    lowpass_hz: KnobValue
    highpass_hz: KnobValue
    wow_hz: KnobValue
    wow_percent: KnobValue
    flutter_hz: KnobValue
    flutter_percent: KnobValue
    mix: KnobValue
    delay_beats: KnobValue

class _LikeTapeDelay:
    delay_ms: _Setting
    feedback: _Setting
    drive_db: _Setting
    lowpass_hz: _Setting
    highpass_hz: _Setting
    wow_hz: _Setting
    wow_percent: _Setting
    flutter_hz: _Setting
    flutter_percent: _Setting
    mix: _Setting
    delay_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        tempo_bpm: float | None = None,
        interpolation: Literal["linear", "cubic", "lagrange", "sinc", "allpass"] = "lagrange",
        **settings: Unpack[_TapeDelayKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _TapeDelayKnobs | Knobs | None = None,
        dsp_params: _TapeDelayKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_TapeDelayKnobs],
    ) -> Sound: ...

class TapeDelay(_LikeTapeDelay, _TapeDelay): ...

class _AmpStageKnobs(TypedDict, total=False):
    gain_db: KnobValue
    bias: KnobValue
    bass: KnobValue
    mid: KnobValue
    treble: KnobValue
    drive_db: KnobValue
    master_db: KnobValue
    mix: KnobValue

class _LikeAmpStage:
    gain_db: _Setting
    bias: _Setting
    bass: _Setting
    mid: _Setting
    treble: _Setting
    drive_db: _Setting
    master_db: _Setting
    mix: _Setting
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
            "marshall_jtm45",
            "marshall_jcm2000",
            "marshall_bluesbreaker",
            "vox_ac30",
            "vox_ac15",
            "ampeg_vl_501",
            "engl",
            "ibanez_gx20",
            "groove_tubes_trio",
            "hughes_kettner_crunch",
            "orange_ad15",
        ] = "fender_bassman",
        bass_taper: Literal["linear", "audio"] = "linear",
        oversampling: Literal[8, 4, 2, 1] = 4,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
        control_period: int = 32,
        **settings: Unpack[_AmpStageKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _AmpStageKnobs | Knobs | None = None,
        dsp_params: _AmpStageKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_AmpStageKnobs],
    ) -> Sound: ...

class AmpStage(_LikeAmpStage, _AmpStage): ...

class _BitCrusherKnobs(TypedDict, total=False):
    drive_db: KnobValue
    bits: KnobValue
    hold: KnobValue
    mix: KnobValue
    output_db: KnobValue

class _LikeBitCrusher:
    drive_db: _Setting
    bits: _Setting
    hold: _Setting
    mix: _Setting
    output_db: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        **settings: Unpack[_BitCrusherKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _BitCrusherKnobs | Knobs | None = None,
        dsp_params: _BitCrusherKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_BitCrusherKnobs],
    ) -> Sound: ...

class BitCrusher(_LikeBitCrusher, _BitCrusher): ...

class _CabinetKnobs(TypedDict, total=False):
    resonance_hz: KnobValue
    resonance_q: KnobValue
    presence_hz: KnobValue
    presence_q: KnobValue
    presence_db: KnobValue
    rolloff_hz: KnobValue
    distance_cm: KnobValue
    angle_deg: KnobValue
    mix: KnobValue

class _LikeCabinet:
    resonance_hz: _Setting
    resonance_q: _Setting
    presence_hz: _Setting
    presence_q: _Setting
    presence_db: _Setting
    rolloff_hz: _Setting
    distance_cm: _Setting
    angle_deg: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        ir: Any = None,
        ir_rate: float | None = None,
        normalize: bool = True,
        learnable: bool = False,
        control_period: int = 32,
        **settings: Unpack[_CabinetKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _CabinetKnobs | Knobs | None = None,
        dsp_params: _CabinetKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_CabinetKnobs],
    ) -> Sound: ...

class Cabinet(_LikeCabinet, _Cabinet): ...

class _ArcTanClipperKnobs(TypedDict, total=False):
    drive_db: KnobValue
    bias: KnobValue
    mix: KnobValue
    output_db: KnobValue

class _LikeArcTanClipper:
    drive_db: _Setting
    bias: _Setting
    mix: _Setting
    output_db: _Setting
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
        **settings: Unpack[_ArcTanClipperKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _ArcTanClipperKnobs | Knobs | None = None,
        dsp_params: _ArcTanClipperKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_ArcTanClipperKnobs],
    ) -> Sound: ...

class ArcTanClipper(_LikeArcTanClipper, _ArcTanClipper): ...
class CubicClipper(_LikeArcTanClipper, _CubicClipper): ...
class DoubleSoftClipper(_LikeArcTanClipper, _DoubleSoftClipper): ...
class ExponentialClipper(_LikeArcTanClipper, _ExponentialClipper): ...
class HardClipper(_LikeArcTanClipper, _HardClipper): ...
class SoftClipper(_LikeArcTanClipper, _SoftClipper): ...

class _BassEnhancerKnobs(TypedDict, total=False):
    freq_hz: KnobValue
    drive_db: KnobValue
    bias: KnobValue
    amount: KnobValue

class _LikeBassEnhancer:
    freq_hz: _Setting
    drive_db: _Setting
    bias: _Setting
    amount: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        oversampling: Literal[8, 4, 2, 1] = 4,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
        control_period: int = 32,
        **settings: Unpack[_BassEnhancerKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _BassEnhancerKnobs | Knobs | None = None,
        dsp_params: _BassEnhancerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_BassEnhancerKnobs],
    ) -> Sound: ...

class BassEnhancer(_LikeBassEnhancer, _BassEnhancer): ...
class Exciter(_LikeBassEnhancer, _Exciter): ...

_MultiBandSaturatorKnobs = TypedDict(
    "_MultiBandSaturatorKnobs",
    {
        "band_1.drive_db": KnobValue,
        "band_1.bias": KnobValue,
        "band_1.mix": KnobValue,
        "band_1.output_db": KnobValue,
        "band_2.drive_db": KnobValue,
        "band_2.bias": KnobValue,
        "band_2.mix": KnobValue,
        "band_2.output_db": KnobValue,
        "band_3.drive_db": KnobValue,
        "band_3.bias": KnobValue,
        "band_3.mix": KnobValue,
        "band_3.output_db": KnobValue,
        "crossover_1_hz": KnobValue,
        "crossover_2_hz": KnobValue,
    },
    total=False,
)

class _LikeMultiBandSaturator:
    crossover_1_hz: _Setting
    crossover_2_hz: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_bands: int = 3,
        crossover: Literal["linkwitz-riley", "linear-phase"] = "linkwitz-riley",
        num_taps: int = 4095,
        oversampling: Literal[8, 4, 2, 1] = 4,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
        level_match: bool = False,
        ceiling: Literal["filtered", "strict"] = "filtered",
        control_period: int = 32,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _MultiBandSaturatorKnobs | Knobs | None = None,
        dsp_params: _MultiBandSaturatorKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class MultiBandSaturator(_LikeMultiBandSaturator, _MultiBandSaturator): ...

class _OverdriveKnobs(TypedDict, total=False):
    drive_db: KnobValue
    bias: KnobValue
    tone_db: KnobValue
    mix: KnobValue
    output_db: KnobValue

class _LikeOverdrive:
    drive_db: _Setting
    bias: _Setting
    tone_db: _Setting
    mix: _Setting
    output_db: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        oversampling: Literal[8, 4, 2, 1] = 4,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
        level_match: bool = False,
        **settings: Unpack[_OverdriveKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _OverdriveKnobs | Knobs | None = None,
        dsp_params: _OverdriveKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_OverdriveKnobs],
    ) -> Sound: ...

class Overdrive(_LikeOverdrive, _Overdrive): ...

class _RectifierKnobs(TypedDict, total=False):
    drive_db: KnobValue
    amount: KnobValue
    bias: KnobValue
    mix: KnobValue
    output_db: KnobValue

class _LikeRectifier:
    drive_db: _Setting
    amount: _Setting
    bias: _Setting
    mix: _Setting
    output_db: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        oversampling: Literal[8, 4, 2, 1] = 4,
        phase: Literal["linear", "minimum"] = "linear",
        antialias: Literal[None, "adaa"] = None,
        level_match: bool = False,
        **settings: Unpack[_RectifierKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _RectifierKnobs | Knobs | None = None,
        dsp_params: _RectifierKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_RectifierKnobs],
    ) -> Sound: ...

class Rectifier(_LikeRectifier, _Rectifier): ...
class TanH(_LikeArcTanClipper, _TanH): ...

class _TapeKnobs(TypedDict, total=False):
    drive_db: KnobValue
    hysteresis: KnobValue
    coercivity: KnobValue
    wow_hz: KnobValue
    wow_percent: KnobValue
    flutter_hz: KnobValue
    flutter_percent: KnobValue
    spacing_um: KnobValue
    bump_hz: KnobValue
    bump_db: KnobValue
    mix: KnobValue
    output_db: KnobValue
    noise_db: KnobValue

class _LikeTape:
    drive_db: _Setting
    hysteresis: _Setting
    coercivity: _Setting
    wow_hz: _Setting
    wow_percent: _Setting
    flutter_hz: _Setting
    flutter_percent: _Setting
    spacing_um: _Setting
    bump_hz: _Setting
    bump_db: _Setting
    mix: _Setting
    output_db: _Setting
    noise_db: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        speed_ips: float = 15.0,
        noise: bool = False,
        seed: int = 0,
        oversampling: Literal[8, 4, 2, 1] = 4,
        control_period: int = 32,
        **settings: Unpack[_TapeKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _TapeKnobs | Knobs | None = None,
        dsp_params: _TapeKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_TapeKnobs],
    ) -> Sound: ...

class Tape(_LikeTape, _Tape): ...

class _WaveshaperKnobs(TypedDict, total=False):
    drive_db: KnobValue
    below_1_slope: KnobValue
    below_2_slope: KnobValue
    below_3_slope: KnobValue
    below_4_slope: KnobValue
    above_1_slope: KnobValue
    above_2_slope: KnobValue
    above_3_slope: KnobValue
    above_4_slope: KnobValue
    mix: KnobValue
    output_db: KnobValue

class _LikeWaveshaper:
    drive_db: _Setting
    below_1_slope: _Setting
    below_2_slope: _Setting
    below_3_slope: _Setting
    below_4_slope: _Setting
    above_1_slope: _Setting
    above_2_slope: _Setting
    above_3_slope: _Setting
    above_4_slope: _Setting
    mix: _Setting
    output_db: _Setting
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
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _WaveshaperKnobs | Knobs | None = None,
        dsp_params: _WaveshaperKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class Waveshaper(_LikeWaveshaper, _Waveshaper): ...

class _CompressorKnobs(TypedDict, total=False):
    threshold_db: KnobValue
    ratio: KnobValue
    knee_db: KnobValue
    attack_ms: KnobValue
    release_ms: KnobValue
    makeup_db: KnobValue
    mix: KnobValue
    range_db: KnobValue
    slow_release_ms: KnobValue
    memory: KnobValue

class _LikeCompressor:
    threshold_db: _Setting
    ratio: _Setting
    knee_db: _Setting
    attack_ms: _Setting
    release_ms: _Setting
    makeup_db: _Setting
    mix: _Setting
    range_db: _Setting
    slow_release_ms: _Setting
    memory: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        detector: Literal["peak", "rms", "vca", "envelope", "opto"] = "peak",
        knee_shape: Literal["quadratic", "exponential"] = "quadratic",
        topology: Literal["feed-forward", "feed-back"] = "feed-forward",
        direction: Literal["downward", "upward"] = "downward",
        link: float = 1.0,
        lookahead_ms: float = 0.0,
        key_highpass_hz: float | None = None,
        rms_ms: float = 25.0,
        auto_times: bool = False,
        auto_makeup: bool = False,
        control_period: int = 32,
        **settings: Unpack[_CompressorKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _CompressorKnobs | Knobs | None = None,
        dsp_params: _CompressorKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_CompressorKnobs],
    ) -> Sound: ...

class Compressor(_LikeCompressor, _Compressor): ...

class _DeEsserKnobs(TypedDict, total=False):
    freq_hz: KnobValue
    threshold_db: KnobValue
    range_db: KnobValue
    attack_ms: KnobValue
    release_ms: KnobValue

class _LikeDeEsser:
    freq_hz: _Setting
    threshold_db: _Setting
    range_db: _Setting
    attack_ms: _Setting
    release_ms: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        link: bool = True,
        lookahead_ms: float = 0.0,
        **settings: Unpack[_DeEsserKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _DeEsserKnobs | Knobs | None = None,
        dsp_params: _DeEsserKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_DeEsserKnobs],
    ) -> Sound: ...

class DeEsser(_LikeDeEsser, _DeEsser): ...

class _DePlosiveKnobs(TypedDict, total=False):
    freq_hz: KnobValue
    threshold_db: KnobValue
    range_db: KnobValue
    attack_ms: KnobValue
    release_ms: KnobValue

class _LikeDePlosive:
    freq_hz: _Setting
    threshold_db: _Setting
    range_db: _Setting
    attack_ms: _Setting
    release_ms: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        link: bool = True,
        lookahead_ms: float = 15.0,
        **settings: Unpack[_DePlosiveKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _DePlosiveKnobs | Knobs | None = None,
        dsp_params: _DePlosiveKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_DePlosiveKnobs],
    ) -> Sound: ...

class DePlosive(_LikeDePlosive, _DePlosive): ...

class _ExpanderKnobs(TypedDict, total=False):
    threshold_db: KnobValue
    ratio: KnobValue
    knee_db: KnobValue
    attack_ms: KnobValue
    release_ms: KnobValue
    range_db: KnobValue
    makeup_db: KnobValue

class _LikeExpander:
    threshold_db: _Setting
    ratio: _Setting
    knee_db: _Setting
    attack_ms: _Setting
    release_ms: _Setting
    range_db: _Setting
    makeup_db: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        knee_shape: Literal["quadratic", "exponential"] = "quadratic",
        link: bool = True,
        lookahead_ms: float = 0.0,
        **settings: Unpack[_ExpanderKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _ExpanderKnobs | Knobs | None = None,
        dsp_params: _ExpanderKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_ExpanderKnobs],
    ) -> Sound: ...

class Expander(_LikeExpander, _Expander): ...

class _LimiterKnobs(TypedDict, total=False):
    gain_db: KnobValue
    ceiling_db: KnobValue
    release_ms: KnobValue

class _LikeLimiter:
    gain_db: _Setting
    ceiling_db: _Setting
    release_ms: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        lookahead_ms: float = 5.0,
        true_peak: bool = False,
        link: bool = True,
        control_period: int = 32,
        **settings: Unpack[_LimiterKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _LimiterKnobs | Knobs | None = None,
        dsp_params: _LimiterKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_LimiterKnobs],
    ) -> Sound: ...

class Limiter(_LikeLimiter, _Limiter): ...

_MultiBandCompressorKnobs = TypedDict(
    "_MultiBandCompressorKnobs",
    {
        "band_1.threshold_db": KnobValue,
        "band_1.ratio": KnobValue,
        "band_1.knee_db": KnobValue,
        "band_1.attack_ms": KnobValue,
        "band_1.release_ms": KnobValue,
        "band_1.makeup_db": KnobValue,
        "band_1.mix": KnobValue,
        "band_2.threshold_db": KnobValue,
        "band_2.ratio": KnobValue,
        "band_2.knee_db": KnobValue,
        "band_2.attack_ms": KnobValue,
        "band_2.release_ms": KnobValue,
        "band_2.makeup_db": KnobValue,
        "band_2.mix": KnobValue,
        "band_3.threshold_db": KnobValue,
        "band_3.ratio": KnobValue,
        "band_3.knee_db": KnobValue,
        "band_3.attack_ms": KnobValue,
        "band_3.release_ms": KnobValue,
        "band_3.makeup_db": KnobValue,
        "band_3.mix": KnobValue,
        "crossover_1_hz": KnobValue,
        "crossover_2_hz": KnobValue,
    },
    total=False,
)

class _LikeMultiBandCompressor:
    crossover_1_hz: _Setting
    crossover_2_hz: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_bands: int = 3,
        crossover: Literal["linkwitz-riley", "linear-phase"] = "linkwitz-riley",
        num_taps: int = 4095,
        detector: Literal["peak", "rms", "vca", "envelope", "opto"] = "peak",
        knee_shape: Literal["quadratic", "exponential"] = "quadratic",
        topology: Literal["feed-forward", "feed-back"] = "feed-forward",
        direction: Literal["downward", "upward"] = "downward",
        link: float = 1.0,
        lookahead_ms: float = 0.0,
        rms_ms: float = 25.0,
        auto_times: bool = False,
        auto_makeup: bool = False,
        control_period: int = 32,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _MultiBandCompressorKnobs | Knobs | None = None,
        dsp_params: _MultiBandCompressorKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class MultiBandCompressor(_LikeMultiBandCompressor, _MultiBandCompressor): ...

_MultiBandExpanderKnobs = TypedDict(
    "_MultiBandExpanderKnobs",
    {
        "band_1.threshold_db": KnobValue,
        "band_1.ratio": KnobValue,
        "band_1.knee_db": KnobValue,
        "band_1.attack_ms": KnobValue,
        "band_1.release_ms": KnobValue,
        "band_1.range_db": KnobValue,
        "band_1.makeup_db": KnobValue,
        "band_2.threshold_db": KnobValue,
        "band_2.ratio": KnobValue,
        "band_2.knee_db": KnobValue,
        "band_2.attack_ms": KnobValue,
        "band_2.release_ms": KnobValue,
        "band_2.range_db": KnobValue,
        "band_2.makeup_db": KnobValue,
        "band_3.threshold_db": KnobValue,
        "band_3.ratio": KnobValue,
        "band_3.knee_db": KnobValue,
        "band_3.attack_ms": KnobValue,
        "band_3.release_ms": KnobValue,
        "band_3.range_db": KnobValue,
        "band_3.makeup_db": KnobValue,
        "crossover_1_hz": KnobValue,
        "crossover_2_hz": KnobValue,
    },
    total=False,
)

class _LikeMultiBandExpander:
    crossover_1_hz: _Setting
    crossover_2_hz: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_bands: int = 3,
        crossover: Literal["linkwitz-riley", "linear-phase"] = "linkwitz-riley",
        num_taps: int = 4095,
        knee_shape: Literal["quadratic", "exponential"] = "quadratic",
        link: bool = True,
        lookahead_ms: float = 0.0,
        control_period: int = 32,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _MultiBandExpanderKnobs | Knobs | None = None,
        dsp_params: _MultiBandExpanderKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class MultiBandExpander(_LikeMultiBandExpander, _MultiBandExpander): ...

_MultiBandLimiterKnobs = TypedDict(
    "_MultiBandLimiterKnobs",
    {
        "band_1.gain_db": KnobValue,
        "band_1.ceiling_db": KnobValue,
        "band_1.release_ms": KnobValue,
        "band_2.gain_db": KnobValue,
        "band_2.ceiling_db": KnobValue,
        "band_2.release_ms": KnobValue,
        "band_3.gain_db": KnobValue,
        "band_3.ceiling_db": KnobValue,
        "band_3.release_ms": KnobValue,
        "crossover_1_hz": KnobValue,
        "crossover_2_hz": KnobValue,
        "ceiling_db": KnobValue,
        "release_ms": KnobValue,
    },
    total=False,
)

class _LikeMultiBandLimiter:
    crossover_1_hz: _Setting
    crossover_2_hz: _Setting
    ceiling_db: _Setting
    release_ms: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_bands: int = 3,
        crossover: Literal["linkwitz-riley", "linear-phase"] = "linkwitz-riley",
        num_taps: int = 4095,
        lookahead_ms: float = 5.0,
        true_peak: bool = False,
        link: bool = True,
        control_period: int = 32,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _MultiBandLimiterKnobs | Knobs | None = None,
        dsp_params: _MultiBandLimiterKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class MultiBandLimiter(_LikeMultiBandLimiter, _MultiBandLimiter): ...

_MultiBandNoiseGateKnobs = TypedDict(
    "_MultiBandNoiseGateKnobs",
    {
        "band_1.threshold_db": KnobValue,
        "band_1.hysteresis_db": KnobValue,
        "band_1.attack_ms": KnobValue,
        "band_1.hold_ms": KnobValue,
        "band_1.release_ms": KnobValue,
        "band_1.range_db": KnobValue,
        "band_1.makeup_db": KnobValue,
        "band_2.threshold_db": KnobValue,
        "band_2.hysteresis_db": KnobValue,
        "band_2.attack_ms": KnobValue,
        "band_2.hold_ms": KnobValue,
        "band_2.release_ms": KnobValue,
        "band_2.range_db": KnobValue,
        "band_2.makeup_db": KnobValue,
        "band_3.threshold_db": KnobValue,
        "band_3.hysteresis_db": KnobValue,
        "band_3.attack_ms": KnobValue,
        "band_3.hold_ms": KnobValue,
        "band_3.release_ms": KnobValue,
        "band_3.range_db": KnobValue,
        "band_3.makeup_db": KnobValue,
        "crossover_1_hz": KnobValue,
        "crossover_2_hz": KnobValue,
    },
    total=False,
)

class _LikeMultiBandNoiseGate:
    crossover_1_hz: _Setting
    crossover_2_hz: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_bands: int = 3,
        crossover: Literal["linkwitz-riley", "linear-phase"] = "linkwitz-riley",
        num_taps: int = 4095,
        link: bool = True,
        lookahead_ms: float = 0.0,
        control_period: int = 32,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _MultiBandNoiseGateKnobs | Knobs | None = None,
        dsp_params: _MultiBandNoiseGateKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class MultiBandNoiseGate(_LikeMultiBandNoiseGate, _MultiBandNoiseGate): ...

_MultiBandTransientShaperKnobs = TypedDict(
    "_MultiBandTransientShaperKnobs",
    {
        "band_1.attack_db": KnobValue,
        "band_1.sustain_db": KnobValue,
        "band_2.attack_db": KnobValue,
        "band_2.sustain_db": KnobValue,
        "band_3.attack_db": KnobValue,
        "band_3.sustain_db": KnobValue,
        "crossover_1_hz": KnobValue,
        "crossover_2_hz": KnobValue,
    },
    total=False,
)

class _LikeMultiBandTransientShaper:
    crossover_1_hz: _Setting
    crossover_2_hz: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_bands: int = 3,
        crossover: Literal["linkwitz-riley", "linear-phase"] = "linkwitz-riley",
        num_taps: int = 4095,
        link: bool = True,
        control_period: int = 32,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _MultiBandTransientShaperKnobs | Knobs | None = None,
        dsp_params: _MultiBandTransientShaperKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class MultiBandTransientShaper(_LikeMultiBandTransientShaper, _MultiBandTransientShaper): ...

class _NoiseGateKnobs(TypedDict, total=False):
    threshold_db: KnobValue
    hysteresis_db: KnobValue
    attack_ms: KnobValue
    hold_ms: KnobValue
    release_ms: KnobValue
    range_db: KnobValue
    makeup_db: KnobValue

class _LikeNoiseGate:
    threshold_db: _Setting
    hysteresis_db: _Setting
    attack_ms: _Setting
    hold_ms: _Setting
    release_ms: _Setting
    range_db: _Setting
    makeup_db: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        link: bool = True,
        lookahead_ms: float = 0.0,
        **settings: Unpack[_NoiseGateKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _NoiseGateKnobs | Knobs | None = None,
        dsp_params: _NoiseGateKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_NoiseGateKnobs],
    ) -> Sound: ...

class NoiseGate(_LikeNoiseGate, _NoiseGate): ...

class _TransientShaperKnobs(TypedDict, total=False):
    attack_db: KnobValue
    sustain_db: KnobValue

class _LikeTransientShaper:
    attack_db: _Setting
    sustain_db: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        link: bool = True,
        **settings: Unpack[_TransientShaperKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _TransientShaperKnobs | Knobs | None = None,
        dsp_params: _TransientShaperKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_TransientShaperKnobs],
    ) -> Sound: ...

class TransientShaper(_LikeTransientShaper, _TransientShaper): ...

class _DeHumKnobs(TypedDict, total=False):
    freq_hz: KnobValue
    width_hz: KnobValue
    amount: KnobValue

class _LikeDeHum:
    freq_hz: _Setting
    width_hz: _Setting
    amount: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_harmonics: int = 16,
        series: Literal["all", "odd", "even"] = "all",
        follow: bool = False,
        control_period: int = 32,
        **settings: Unpack[_DeHumKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _DeHumKnobs | Knobs | None = None,
        dsp_params: _DeHumKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_DeHumKnobs],
    ) -> Sound: ...

class DeHum(_LikeDeHum, _DeHum): ...

class _DynamicEqualizerKnobs(TypedDict, total=False):
    band_1_freq_hz: KnobValue
    band_1_q: KnobValue
    band_1_threshold_db: KnobValue
    band_1_ratio: KnobValue
    band_1_range_db: KnobValue
    band_1_attack_ms: KnobValue
    band_1_release_ms: KnobValue
    band_2_freq_hz: KnobValue
    band_2_q: KnobValue
    band_2_threshold_db: KnobValue
    band_2_ratio: KnobValue
    band_2_range_db: KnobValue
    band_2_attack_ms: KnobValue
    band_2_release_ms: KnobValue
    band_3_freq_hz: KnobValue
    band_3_q: KnobValue
    band_3_threshold_db: KnobValue
    band_3_ratio: KnobValue
    band_3_range_db: KnobValue
    band_3_attack_ms: KnobValue
    band_3_release_ms: KnobValue

class _LikeDynamicEqualizer:
    band_1_freq_hz: _Setting
    band_1_q: _Setting
    band_1_threshold_db: _Setting
    band_1_ratio: _Setting
    band_1_range_db: _Setting
    band_1_attack_ms: _Setting
    band_1_release_ms: _Setting
    band_2_freq_hz: _Setting
    band_2_q: _Setting
    band_2_threshold_db: _Setting
    band_2_ratio: _Setting
    band_2_range_db: _Setting
    band_2_attack_ms: _Setting
    band_2_release_ms: _Setting
    band_3_freq_hz: _Setting
    band_3_q: _Setting
    band_3_threshold_db: _Setting
    band_3_ratio: _Setting
    band_3_range_db: _Setting
    band_3_attack_ms: _Setting
    band_3_release_ms: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_bands: int = 3,
        direction: Any = "above",
        link: bool = True,
        rms_ms: float = 25.0,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _DynamicEqualizerKnobs | Knobs | None = None,
        dsp_params: _DynamicEqualizerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class DynamicEqualizer(_LikeDynamicEqualizer, _DynamicEqualizer): ...

class _FIRFilterKnobs(TypedDict, total=False):
    tap_1: KnobValue
    tap_2: KnobValue
    tap_3: KnobValue
    tap_4: KnobValue
    tap_5: KnobValue
    tap_6: KnobValue
    tap_7: KnobValue
    tap_8: KnobValue
    tap_9: KnobValue
    tap_10: KnobValue
    tap_11: KnobValue
    tap_12: KnobValue
    tap_13: KnobValue
    tap_14: KnobValue
    tap_15: KnobValue
    tap_16: KnobValue
    tap_17: KnobValue
    tap_18: KnobValue
    tap_19: KnobValue
    tap_20: KnobValue
    tap_21: KnobValue
    tap_22: KnobValue
    tap_23: KnobValue
    tap_24: KnobValue
    tap_25: KnobValue
    tap_26: KnobValue
    tap_27: KnobValue
    tap_28: KnobValue
    tap_29: KnobValue
    tap_30: KnobValue
    tap_31: KnobValue
    tap_32: KnobValue
    tap_33: KnobValue

class _LikeFIRFilter:
    tap_1: _Setting
    tap_2: _Setting
    tap_3: _Setting
    tap_4: _Setting
    tap_5: _Setting
    tap_6: _Setting
    tap_7: _Setting
    tap_8: _Setting
    tap_9: _Setting
    tap_10: _Setting
    tap_11: _Setting
    tap_12: _Setting
    tap_13: _Setting
    tap_14: _Setting
    tap_15: _Setting
    tap_16: _Setting
    tap_17: _Setting
    tap_18: _Setting
    tap_19: _Setting
    tap_20: _Setting
    tap_21: _Setting
    tap_22: _Setting
    tap_23: _Setting
    tap_24: _Setting
    tap_25: _Setting
    tap_26: _Setting
    tap_27: _Setting
    tap_28: _Setting
    tap_29: _Setting
    tap_30: _Setting
    tap_31: _Setting
    tap_32: _Setting
    tap_33: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_taps: int = 33,
        phase: Literal["any", "linear", "minimum"] = "any",
        normalize: bool = False,
        layout: Literal["shared", "stereo", "mid_side"] = "shared",
        control_period: int = 32,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _FIRFilterKnobs | Knobs | None = None,
        dsp_params: _FIRFilterKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class FIRFilter(_LikeFIRFilter, _FIRFilter): ...

class _GraphicEqualizerKnobs(TypedDict, total=False):
    band_1_gain_db: KnobValue
    band_2_gain_db: KnobValue
    band_3_gain_db: KnobValue
    band_4_gain_db: KnobValue
    band_5_gain_db: KnobValue
    band_6_gain_db: KnobValue
    band_7_gain_db: KnobValue
    band_8_gain_db: KnobValue
    band_9_gain_db: KnobValue
    band_10_gain_db: KnobValue

class _LikeGraphicEqualizer:
    band_1_gain_db: _Setting
    band_2_gain_db: _Setting
    band_3_gain_db: _Setting
    band_4_gain_db: _Setting
    band_5_gain_db: _Setting
    band_6_gain_db: _Setting
    band_7_gain_db: _Setting
    band_8_gain_db: _Setting
    band_9_gain_db: _Setting
    band_10_gain_db: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        bands: Any = "octave",
        q: Any = None,
        design: Literal["matched", "bilinear"] = "matched",
        control_period: int = 32,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _GraphicEqualizerKnobs | Knobs | None = None,
        dsp_params: _GraphicEqualizerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class GraphicEqualizer(_LikeGraphicEqualizer, _GraphicEqualizer): ...

class _LinearPhaseEqualizerKnobs(TypedDict, total=False):
    low_shelf_gain_db: KnobValue
    low_shelf_freq_hz: KnobValue
    low_shelf_q: KnobValue
    peak_1_gain_db: KnobValue
    peak_1_freq_hz: KnobValue
    peak_1_q: KnobValue
    peak_2_gain_db: KnobValue
    peak_2_freq_hz: KnobValue
    peak_2_q: KnobValue
    peak_3_gain_db: KnobValue
    peak_3_freq_hz: KnobValue
    peak_3_q: KnobValue
    high_shelf_gain_db: KnobValue
    high_shelf_freq_hz: KnobValue
    high_shelf_q: KnobValue

class _LikeLinearPhaseEqualizer:
    low_shelf_gain_db: _Setting
    low_shelf_freq_hz: _Setting
    low_shelf_q: _Setting
    peak_1_gain_db: _Setting
    peak_1_freq_hz: _Setting
    peak_1_q: _Setting
    peak_2_gain_db: _Setting
    peak_2_freq_hz: _Setting
    peak_2_q: _Setting
    peak_3_gain_db: _Setting
    peak_3_freq_hz: _Setting
    peak_3_q: _Setting
    high_shelf_gain_db: _Setting
    high_shelf_freq_hz: _Setting
    high_shelf_q: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_peaks: int = 3,
        num_taps: int = 4095,
        design: Literal["matched", "bilinear"] = "matched",
        layout: Literal["shared", "stereo", "mid_side"] = "shared",
        control_period: int = 32,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _LinearPhaseEqualizerKnobs | Knobs | None = None,
        dsp_params: _LinearPhaseEqualizerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class LinearPhaseEqualizer(_LikeLinearPhaseEqualizer, _LinearPhaseEqualizer): ...

class _ParametricEqualizerKnobs(TypedDict, total=False):
    low_shelf_gain_db: KnobValue
    low_shelf_freq_hz: KnobValue
    low_shelf_q: KnobValue
    peak_1_gain_db: KnobValue
    peak_1_freq_hz: KnobValue
    peak_1_q: KnobValue
    peak_2_gain_db: KnobValue
    peak_2_freq_hz: KnobValue
    peak_2_q: KnobValue
    peak_3_gain_db: KnobValue
    peak_3_freq_hz: KnobValue
    peak_3_q: KnobValue
    high_shelf_gain_db: KnobValue
    high_shelf_freq_hz: KnobValue
    high_shelf_q: KnobValue

class _LikeParametricEqualizer:
    low_shelf_gain_db: _Setting
    low_shelf_freq_hz: _Setting
    low_shelf_q: _Setting
    peak_1_gain_db: _Setting
    peak_1_freq_hz: _Setting
    peak_1_q: _Setting
    peak_2_gain_db: _Setting
    peak_2_freq_hz: _Setting
    peak_2_q: _Setting
    peak_3_gain_db: _Setting
    peak_3_freq_hz: _Setting
    peak_3_q: _Setting
    high_shelf_gain_db: _Setting
    high_shelf_freq_hz: _Setting
    high_shelf_q: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_peaks: int = 3,
        design: Literal["matched", "bilinear"] = "matched",
        placement: Literal["everywhere", "mid_side", "left_right"] = "everywhere",
        control_period: int = 32,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _ParametricEqualizerKnobs | Knobs | None = None,
        dsp_params: _ParametricEqualizerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class ParametricEqualizer(_LikeParametricEqualizer, _ParametricEqualizer): ...

class _PassiveEqualizerKnobs(TypedDict, total=False):
    low_boost: KnobValue
    low_cut: KnobValue
    low_freq_hz: KnobValue
    high_boost: KnobValue
    bandwidth: KnobValue
    high_freq_hz: KnobValue
    high_cut: KnobValue
    cut_freq_hz: KnobValue

class _LikePassiveEqualizer:
    low_boost: _Setting
    low_cut: _Setting
    low_freq_hz: _Setting
    high_boost: _Setting
    bandwidth: _Setting
    high_freq_hz: _Setting
    high_cut: _Setting
    cut_freq_hz: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        control_period: int = 32,
        **settings: Unpack[_PassiveEqualizerKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _PassiveEqualizerKnobs | Knobs | None = None,
        dsp_params: _PassiveEqualizerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_PassiveEqualizerKnobs],
    ) -> Sound: ...

class PassiveEqualizer(_LikePassiveEqualizer, _PassiveEqualizer): ...

class _AllPassKnobs(TypedDict, total=False):
    freq_hz: KnobValue
    q: KnobValue

class _LikeAllPass:
    freq_hz: _Setting
    q: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        design: Literal["matched", "bilinear"] = "matched",
        control_period: int = 32,
        **settings: Unpack[_AllPassKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _AllPassKnobs | Knobs | None = None,
        dsp_params: _AllPassKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_AllPassKnobs],
    ) -> Sound: ...

class AllPass(_LikeAllPass, _AllPass): ...
class BandPass(_LikeAllPass, _BandPass): ...

class _HighPassKnobs(TypedDict, total=False):
    freq_hz: KnobValue
    q: KnobValue

class _LikeHighPass:
    freq_hz: _Setting
    q: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        slope_db_per_octave: Literal[6, 12, 24, 48] = 12,
        design: Literal["matched", "bilinear"] = "matched",
        control_period: int = 32,
        **settings: Unpack[_HighPassKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _HighPassKnobs | Knobs | None = None,
        dsp_params: _HighPassKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_HighPassKnobs],
    ) -> Sound: ...

class HighPass(_LikeHighPass, _HighPass): ...

class _HighShelfKnobs(TypedDict, total=False):
    freq_hz: KnobValue
    q: KnobValue
    gain_db: KnobValue

class _LikeHighShelf:
    freq_hz: _Setting
    q: _Setting
    gain_db: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        design: Literal["matched", "bilinear"] = "matched",
        control_period: int = 32,
        **settings: Unpack[_HighShelfKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _HighShelfKnobs | Knobs | None = None,
        dsp_params: _HighShelfKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_HighShelfKnobs],
    ) -> Sound: ...

class HighShelf(_LikeHighShelf, _HighShelf): ...
class LowPass(_LikeHighPass, _LowPass): ...
class LowShelf(_LikeHighShelf, _LowShelf): ...
class Notch(_LikeAllPass, _Notch): ...
class Peak(_LikeHighShelf, _Peak): ...

class _SpectralEqualizerKnobs(TypedDict, total=False):
    point_1_gain_db: KnobValue
    point_2_gain_db: KnobValue
    point_3_gain_db: KnobValue
    point_4_gain_db: KnobValue
    point_5_gain_db: KnobValue
    point_6_gain_db: KnobValue
    point_7_gain_db: KnobValue
    point_8_gain_db: KnobValue
    point_9_gain_db: KnobValue
    point_10_gain_db: KnobValue
    point_11_gain_db: KnobValue
    point_12_gain_db: KnobValue
    point_13_gain_db: KnobValue
    point_14_gain_db: KnobValue
    point_15_gain_db: KnobValue
    point_16_gain_db: KnobValue
    point_17_gain_db: KnobValue
    point_18_gain_db: KnobValue
    point_19_gain_db: KnobValue
    point_20_gain_db: KnobValue
    point_21_gain_db: KnobValue
    point_22_gain_db: KnobValue
    point_23_gain_db: KnobValue
    point_24_gain_db: KnobValue
    point_25_gain_db: KnobValue
    point_26_gain_db: KnobValue
    point_27_gain_db: KnobValue
    point_28_gain_db: KnobValue
    point_29_gain_db: KnobValue
    point_30_gain_db: KnobValue
    point_31_gain_db: KnobValue
    point_32_gain_db: KnobValue

class _LikeSpectralEqualizer:
    point_1_gain_db: _Setting
    point_2_gain_db: _Setting
    point_3_gain_db: _Setting
    point_4_gain_db: _Setting
    point_5_gain_db: _Setting
    point_6_gain_db: _Setting
    point_7_gain_db: _Setting
    point_8_gain_db: _Setting
    point_9_gain_db: _Setting
    point_10_gain_db: _Setting
    point_11_gain_db: _Setting
    point_12_gain_db: _Setting
    point_13_gain_db: _Setting
    point_14_gain_db: _Setting
    point_15_gain_db: _Setting
    point_16_gain_db: _Setting
    point_17_gain_db: _Setting
    point_18_gain_db: _Setting
    point_19_gain_db: _Setting
    point_20_gain_db: _Setting
    point_21_gain_db: _Setting
    point_22_gain_db: _Setting
    point_23_gain_db: _Setting
    point_24_gain_db: _Setting
    point_25_gain_db: _Setting
    point_26_gain_db: _Setting
    point_27_gain_db: _Setting
    point_28_gain_db: _Setting
    point_29_gain_db: _Setting
    point_30_gain_db: _Setting
    point_31_gain_db: _Setting
    point_32_gain_db: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        points: Any = 32,
        num_taps: int = 1023,
        phase: Literal["zero", "minimum"] = "zero",
        layout: Literal["shared", "stereo", "mid_side"] = "shared",
        control_period: int = 32,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _SpectralEqualizerKnobs | Knobs | None = None,
        dsp_params: _SpectralEqualizerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class SpectralEqualizer(_LikeSpectralEqualizer, _SpectralEqualizer): ...

class _TiltEqualizerKnobs(TypedDict, total=False):
    tilt_db: KnobValue
    pivot_hz: KnobValue

class _LikeTiltEqualizer:
    tilt_db: _Setting
    pivot_hz: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        control_period: int = 32,
        **settings: Unpack[_TiltEqualizerKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _TiltEqualizerKnobs | Knobs | None = None,
        dsp_params: _TiltEqualizerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_TiltEqualizerKnobs],
    ) -> Sound: ...

class TiltEqualizer(_LikeTiltEqualizer, _TiltEqualizer): ...

class _ToneStackKnobs(TypedDict, total=False):
    bass: KnobValue
    mid: KnobValue
    treble: KnobValue

class _LikeToneStack:
    bass: _Setting
    mid: _Setting
    treble: _Setting
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
            "marshall_jtm45",
            "marshall_jcm2000",
            "marshall_bluesbreaker",
            "vox_ac30",
            "vox_ac15",
            "ampeg_vl_501",
            "engl",
            "ibanez_gx20",
            "groove_tubes_trio",
            "hughes_kettner_crunch",
            "orange_ad15",
        ] = "fender_bassman",
        makeup_db: float = 0.0,
        bass_taper: Literal["linear", "audio"] = "linear",
        control_period: int = 32,
        **settings: Unpack[_ToneStackKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _ToneStackKnobs | Knobs | None = None,
        dsp_params: _ToneStackKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_ToneStackKnobs],
    ) -> Sound: ...

class ToneStack(_LikeToneStack, _ToneStack): ...

class _AutoPanKnobs(TypedDict, total=False):
    rate_hz: KnobValue
    depth: KnobValue
    phase_deg: KnobValue
    period_beats: KnobValue

class _LikeAutoPan:
    rate_hz: _Setting
    depth: _Setting
    phase_deg: _Setting
    period_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        law: Literal["constant_power", "linear", "-4.5 dB"] = "constant_power",
        tempo_bpm: float | None = None,
        **settings: Unpack[_AutoPanKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _AutoPanKnobs | Knobs | None = None,
        dsp_params: _AutoPanKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_AutoPanKnobs],
    ) -> Sound: ...

class AutoPan(_LikeAutoPan, _AutoPan): ...

class _AutoWahKnobs(TypedDict, total=False):
    sensitivity_db: KnobValue
    freq_hz: KnobValue
    octaves: KnobValue
    q: KnobValue
    attack_ms: KnobValue
    release_ms: KnobValue
    mix: KnobValue

class _LikeAutoWah:
    sensitivity_db: _Setting
    freq_hz: _Setting
    octaves: _Setting
    q: _Setting
    attack_ms: _Setting
    release_ms: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        **settings: Unpack[_AutoWahKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _AutoWahKnobs | Knobs | None = None,
        dsp_params: _AutoWahKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_AutoWahKnobs],
    ) -> Sound: ...

class AutoWah(_LikeAutoWah, _AutoWah): ...

class _ChorusKnobs(TypedDict, total=False):
    rate_hz: KnobValue
    depth: KnobValue
    delay_ms: KnobValue
    start_deg: KnobValue
    mix: KnobValue
    period_beats: KnobValue

class _LikeChorus:
    rate_hz: _Setting
    depth: _Setting
    delay_ms: _Setting
    start_deg: _Setting
    mix: _Setting
    period_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
        tempo_bpm: float | None = None,
        **settings: Unpack[_ChorusKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _ChorusKnobs | Knobs | None = None,
        dsp_params: _ChorusKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_ChorusKnobs],
    ) -> Sound: ...

class Chorus(_LikeChorus, _Chorus): ...

class _MultiVoiceChorusKnobs(TypedDict, total=False):
    rate_hz: KnobValue
    depth: KnobValue
    delay_ms: KnobValue
    start_deg: KnobValue
    mix: KnobValue

class _LikeMultiVoiceChorus:
    rate_hz: _Setting
    depth: _Setting
    delay_ms: _Setting
    start_deg: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_voices: int = 3,
        voice_knobs: bool = False,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
        tempo_bpm: float | None = None,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _MultiVoiceChorusKnobs | Knobs | None = None,
        dsp_params: _MultiVoiceChorusKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class MultiVoiceChorus(_LikeMultiVoiceChorus, _MultiVoiceChorus): ...

class _StereoChorusKnobs(TypedDict, total=False):
    rate_hz: KnobValue
    depth: KnobValue
    delay_ms: KnobValue
    start_deg: KnobValue
    phase_deg: KnobValue
    mix: KnobValue

class _LikeStereoChorus:
    rate_hz: _Setting
    depth: _Setting
    delay_ms: _Setting
    start_deg: _Setting
    phase_deg: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_voices: int = 1,
        voice_knobs: bool = False,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
        tempo_bpm: float | None = None,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _StereoChorusKnobs | Knobs | None = None,
        dsp_params: _StereoChorusKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class StereoChorus(_LikeStereoChorus, _StereoChorus): ...

class _EnsembleKnobs(TypedDict, total=False):
    slow_hz: KnobValue
    slow_ms: KnobValue
    fast_hz: KnobValue
    fast_ms: KnobValue
    delay_ms: KnobValue
    width: KnobValue
    mix: KnobValue

class _LikeEnsemble:
    slow_hz: _Setting
    slow_ms: _Setting
    fast_hz: _Setting
    fast_ms: _Setting
    delay_ms: _Setting
    width: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
        **settings: Unpack[_EnsembleKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _EnsembleKnobs | Knobs | None = None,
        dsp_params: _EnsembleKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_EnsembleKnobs],
    ) -> Sound: ...

class Ensemble(_LikeEnsemble, _Ensemble): ...

class _FeedbackFlangerKnobs(TypedDict, total=False):
    rate_hz: KnobValue
    depth: KnobValue
    delay_ms: KnobValue
    start_deg: KnobValue
    feedback: KnobValue
    mix: KnobValue
    period_beats: KnobValue

class _LikeFeedbackFlanger:
    rate_hz: _Setting
    depth: _Setting
    delay_ms: _Setting
    start_deg: _Setting
    feedback: _Setting
    mix: _Setting
    period_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
        tempo_bpm: float | None = None,
        **settings: Unpack[_FeedbackFlangerKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _FeedbackFlangerKnobs | Knobs | None = None,
        dsp_params: _FeedbackFlangerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_FeedbackFlangerKnobs],
    ) -> Sound: ...

class FeedbackFlanger(_LikeFeedbackFlanger, _FeedbackFlanger): ...
class Flanger(_LikeChorus, _Flanger): ...

class _StereoFlangerKnobs(TypedDict, total=False):
    rate_hz: KnobValue
    depth: KnobValue
    delay_ms: KnobValue
    start_deg: KnobValue
    feedback: KnobValue
    phase_deg: KnobValue
    mix: KnobValue
    period_beats: KnobValue

class _LikeStereoFlanger:
    rate_hz: _Setting
    depth: _Setting
    delay_ms: _Setting
    start_deg: _Setting
    feedback: _Setting
    phase_deg: _Setting
    mix: _Setting
    period_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
        tempo_bpm: float | None = None,
        **settings: Unpack[_StereoFlangerKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _StereoFlangerKnobs | Knobs | None = None,
        dsp_params: _StereoFlangerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_StereoFlangerKnobs],
    ) -> Sound: ...

class StereoFlanger(_LikeStereoFlanger, _StereoFlanger): ...

class _LFOFilterKnobs(TypedDict, total=False):
    rate_hz: KnobValue
    octaves: KnobValue
    freq_hz: KnobValue
    q: KnobValue
    phase_deg: KnobValue
    mix: KnobValue
    period_beats: KnobValue

class _LikeLFOFilter:
    rate_hz: _Setting
    octaves: _Setting
    freq_hz: _Setting
    q: _Setting
    phase_deg: _Setting
    mix: _Setting
    period_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        kind: Literal["low_pass", "band_pass", "high_pass"] = "low_pass",
        shape: Literal["sine", "triangle", "square"] = "sine",
        tempo_bpm: float | None = None,
        **settings: Unpack[_LFOFilterKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _LFOFilterKnobs | Knobs | None = None,
        dsp_params: _LFOFilterKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_LFOFilterKnobs],
    ) -> Sound: ...

class LFOFilter(_LikeLFOFilter, _LFOFilter): ...

class _PhaserKnobs(TypedDict, total=False):
    rate_hz: KnobValue
    depth: KnobValue
    center_hz: KnobValue
    start_deg: KnobValue
    feedback: KnobValue
    mix: KnobValue
    q: KnobValue
    period_beats: KnobValue

class _LikePhaser:
    rate_hz: _Setting
    depth: _Setting
    center_hz: _Setting
    start_deg: _Setting
    feedback: _Setting
    mix: _Setting
    q: _Setting
    period_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_stages: int = 6,
        stage_order: Literal[1, 2] = 1,
        shape: Literal["sine", "triangle", "square"] = "sine",
        tempo_bpm: float | None = None,
        **settings: Unpack[_PhaserKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _PhaserKnobs | Knobs | None = None,
        dsp_params: _PhaserKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_PhaserKnobs],
    ) -> Sound: ...

class Phaser(_LikePhaser, _Phaser): ...

class _RingModulatorKnobs(TypedDict, total=False):
    freq_hz: KnobValue
    mix: KnobValue

class _LikeRingModulator:
    freq_hz: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        **settings: Unpack[_RingModulatorKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _RingModulatorKnobs | Knobs | None = None,
        dsp_params: _RingModulatorKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_RingModulatorKnobs],
    ) -> Sound: ...

class RingModulator(_LikeRingModulator, _RingModulator): ...

class _RotarySpeakerKnobs(TypedDict, total=False):
    rate_hz: KnobValue
    drum_ratio: KnobValue
    crossover_hz: KnobValue
    drum_db: KnobValue
    radius_m: KnobValue
    directivity: KnobValue
    distance_m: KnobValue
    angle_deg: KnobValue
    mix: KnobValue
    period_beats: KnobValue

class _LikeRotarySpeaker:
    rate_hz: _Setting
    drum_ratio: _Setting
    crossover_hz: _Setting
    drum_db: _Setting
    radius_m: _Setting
    directivity: _Setting
    distance_m: _Setting
    angle_deg: _Setting
    mix: _Setting
    period_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        inertia_s: float = 0.8,
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
        tempo_bpm: float | None = None,
        **settings: Unpack[_RotarySpeakerKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _RotarySpeakerKnobs | Knobs | None = None,
        dsp_params: _RotarySpeakerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_RotarySpeakerKnobs],
    ) -> Sound: ...

class RotarySpeaker(_LikeRotarySpeaker, _RotarySpeaker): ...

class _ThroughZeroFlangerKnobs(TypedDict, total=False):
    rate_hz: KnobValue
    depth: KnobValue
    delay_ms: KnobValue
    mix: KnobValue
    period_beats: KnobValue

class _LikeThroughZeroFlanger:
    rate_hz: _Setting
    depth: _Setting
    delay_ms: _Setting
    mix: _Setting
    period_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
        tempo_bpm: float | None = None,
        invert: bool = False,
        **settings: Unpack[_ThroughZeroFlangerKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _ThroughZeroFlangerKnobs | Knobs | None = None,
        dsp_params: _ThroughZeroFlangerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_ThroughZeroFlangerKnobs],
    ) -> Sound: ...

class ThroughZeroFlanger(_LikeThroughZeroFlanger, _ThroughZeroFlanger): ...

class _TremoloKnobs(TypedDict, total=False):
    rate_hz: KnobValue
    depth: KnobValue
    phase_deg: KnobValue
    period_beats: KnobValue

class _LikeTremolo:
    rate_hz: _Setting
    depth: _Setting
    phase_deg: _Setting
    period_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        tempo_bpm: float | None = None,
        **settings: Unpack[_TremoloKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _TremoloKnobs | Knobs | None = None,
        dsp_params: _TremoloKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_TremoloKnobs],
    ) -> Sound: ...

class Tremolo(_LikeTremolo, _Tremolo): ...

class _VibratoKnobs(TypedDict, total=False):
    rate_hz: KnobValue
    depth: KnobValue
    start_deg: KnobValue
    period_beats: KnobValue

class _LikeVibrato:
    rate_hz: _Setting
    depth: _Setting
    start_deg: _Setting
    period_beats: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        shape: Literal["sine", "triangle", "square"] = "sine",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
        tempo_bpm: float | None = None,
        **settings: Unpack[_VibratoKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _VibratoKnobs | Knobs | None = None,
        dsp_params: _VibratoKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_VibratoKnobs],
    ) -> Sound: ...

class Vibrato(_LikeVibrato, _Vibrato): ...

class _ConvolutionReverbKnobs(TypedDict, total=False):
    predelay_ms: KnobValue
    decay: KnobValue
    lowpass_hz: KnobValue
    highpass_hz: KnobValue
    width: KnobValue
    mix: KnobValue

class _LikeConvolutionReverb:
    predelay_ms: _Setting
    decay: _Setting
    lowpass_hz: _Setting
    highpass_hz: _Setting
    width: _Setting
    mix: _Setting
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
        **settings: Unpack[_ConvolutionReverbKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _ConvolutionReverbKnobs | Knobs | None = None,
        dsp_params: _ConvolutionReverbKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_ConvolutionReverbKnobs],
    ) -> Sound: ...

class ConvolutionReverb(_LikeConvolutionReverb, _ConvolutionReverb): ...

class _EarlyReflectionsKnobs(TypedDict, total=False):
    length_m: KnobValue
    width_m: KnobValue
    height_m: KnobValue
    source_distance: KnobValue
    source_side: KnobValue
    absorption: KnobValue
    mix: KnobValue

class _LikeEarlyReflections:
    length_m: _Setting
    width_m: _Setting
    height_m: _Setting
    source_distance: _Setting
    source_side: _Setting
    absorption: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        order: int = 3,
        control_period: int = 32,
        **settings: Unpack[_EarlyReflectionsKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _EarlyReflectionsKnobs | Knobs | None = None,
        dsp_params: _EarlyReflectionsKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_EarlyReflectionsKnobs],
    ) -> Sound: ...

class EarlyReflections(_LikeEarlyReflections, _EarlyReflections): ...

class _FDNReverbKnobs(TypedDict, total=False):
    decay_s: KnobValue
    decay_low_ratio: KnobValue
    decay_high_ratio: KnobValue
    crossover_low_hz: KnobValue
    crossover_high_hz: KnobValue
    size: KnobValue
    predelay_ms: KnobValue
    diffusion: KnobValue
    tone: KnobValue
    width: KnobValue
    mix: KnobValue

class _LikeFDNReverb:
    decay_s: _Setting
    decay_low_ratio: _Setting
    decay_high_ratio: _Setting
    crossover_low_hz: _Setting
    crossover_high_hz: _Setting
    size: _Setting
    predelay_ms: _Setting
    diffusion: _Setting
    tone: _Setting
    width: _Setting
    mix: _Setting
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
        freezable: bool = False,
        seed: int = 0,
        control_period: int = 32,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _FDNReverbKnobs | Knobs | None = None,
        dsp_params: _FDNReverbKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class FDNReverb(_LikeFDNReverb, _FDNReverb): ...

class _NoiseShapedReverbKnobs(TypedDict, total=False):
    band_1_gain_db: KnobValue
    band_1_decay_s: KnobValue
    band_2_gain_db: KnobValue
    band_2_decay_s: KnobValue
    band_3_gain_db: KnobValue
    band_3_decay_s: KnobValue
    band_4_gain_db: KnobValue
    band_4_decay_s: KnobValue
    band_5_gain_db: KnobValue
    band_5_decay_s: KnobValue
    band_6_gain_db: KnobValue
    band_6_decay_s: KnobValue
    band_7_gain_db: KnobValue
    band_7_decay_s: KnobValue
    band_8_gain_db: KnobValue
    band_8_decay_s: KnobValue
    band_9_gain_db: KnobValue
    band_9_decay_s: KnobValue
    band_10_gain_db: KnobValue
    band_10_decay_s: KnobValue
    band_11_gain_db: KnobValue
    band_11_decay_s: KnobValue
    band_12_gain_db: KnobValue
    band_12_decay_s: KnobValue
    predelay_ms: KnobValue
    width: KnobValue
    mix: KnobValue

class _LikeNoiseShapedReverb:
    band_1_gain_db: _Setting
    band_1_decay_s: _Setting
    band_2_gain_db: _Setting
    band_2_decay_s: _Setting
    band_3_gain_db: _Setting
    band_3_decay_s: _Setting
    band_4_gain_db: _Setting
    band_4_decay_s: _Setting
    band_5_gain_db: _Setting
    band_5_decay_s: _Setting
    band_6_gain_db: _Setting
    band_6_decay_s: _Setting
    band_7_gain_db: _Setting
    band_7_decay_s: _Setting
    band_8_gain_db: _Setting
    band_8_decay_s: _Setting
    band_9_gain_db: _Setting
    band_9_decay_s: _Setting
    band_10_gain_db: _Setting
    band_10_decay_s: _Setting
    band_11_gain_db: _Setting
    band_11_decay_s: _Setting
    band_12_gain_db: _Setting
    band_12_decay_s: _Setting
    predelay_ms: _Setting
    width: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_bands: int = 12,
        ir_seconds: float = 2.0,
        seed: int = 0,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _NoiseShapedReverbKnobs | Knobs | None = None,
        dsp_params: _NoiseShapedReverbKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class NoiseShapedReverb(_LikeNoiseShapedReverb, _NoiseShapedReverb): ...

class _PlateReverbKnobs(TypedDict, total=False):
    decay_s: KnobValue
    damping_hz: KnobValue
    bandwidth_hz: KnobValue
    diffusion: KnobValue
    predelay_ms: KnobValue
    mod_rate_hz: KnobValue
    mod_depth: KnobValue
    width: KnobValue
    mix: KnobValue
    freeze: KnobValue

class _LikePlateReverb:
    decay_s: _Setting
    damping_hz: _Setting
    bandwidth_hz: _Setting
    diffusion: _Setting
    predelay_ms: _Setting
    mod_rate_hz: _Setting
    mod_depth: _Setting
    width: _Setting
    mix: _Setting
    freeze: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        size: float = 1.0,
        freezable: bool = False,
        control_period: int = 32,
        **settings: Unpack[_PlateReverbKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _PlateReverbKnobs | Knobs | None = None,
        dsp_params: _PlateReverbKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_PlateReverbKnobs],
    ) -> Sound: ...

class PlateReverb(_LikePlateReverb, _PlateReverb): ...

class _SchroederReverbKnobs(TypedDict, total=False):
    room_size: KnobValue
    damping: KnobValue
    predelay_ms: KnobValue
    width: KnobValue
    mix: KnobValue
    freeze: KnobValue

class _LikeSchroederReverb:
    room_size: _Setting
    damping: _Setting
    predelay_ms: _Setting
    width: _Setting
    mix: _Setting
    freeze: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        freezable: bool = False,
        control_period: int = 32,
        **settings: Unpack[_SchroederReverbKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _SchroederReverbKnobs | Knobs | None = None,
        dsp_params: _SchroederReverbKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_SchroederReverbKnobs],
    ) -> Sound: ...

class SchroederReverb(_LikeSchroederReverb, _SchroederReverb): ...

class _ShapedReverbKnobs(TypedDict, total=False):
    predelay_ms: KnobValue
    length_ms: KnobValue
    slope_db: KnobValue
    gate_ms: KnobValue
    lowpass_hz: KnobValue
    highpass_hz: KnobValue
    width: KnobValue
    mix: KnobValue

class _LikeShapedReverb:
    predelay_ms: _Setting
    length_ms: _Setting
    slope_db: _Setting
    gate_ms: _Setting
    lowpass_hz: _Setting
    highpass_hz: _Setting
    width: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        ir_seconds: float = 1.5,
        seed: int = 0,
        **settings: Unpack[_ShapedReverbKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _ShapedReverbKnobs | Knobs | None = None,
        dsp_params: _ShapedReverbKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_ShapedReverbKnobs],
    ) -> Sound: ...

class ShapedReverb(_LikeShapedReverb, _ShapedReverb): ...

class _ShimmerReverbKnobs(TypedDict, total=False):
    decay_s: KnobValue
    shimmer: KnobValue
    semitones: KnobValue
    size: KnobValue
    damping_hz: KnobValue
    predelay_ms: KnobValue
    width: KnobValue
    mix: KnobValue
    freeze: KnobValue

class _LikeShimmerReverb:
    decay_s: _Setting
    shimmer: _Setting
    semitones: _Setting
    size: _Setting
    damping_hz: _Setting
    predelay_ms: _Setting
    width: _Setting
    mix: _Setting
    freeze: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        freezable: bool = False,
        control_period: int = 32,
        **settings: Unpack[_ShimmerReverbKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _ShimmerReverbKnobs | Knobs | None = None,
        dsp_params: _ShimmerReverbKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_ShimmerReverbKnobs],
    ) -> Sound: ...

class ShimmerReverb(_LikeShimmerReverb, _ShimmerReverb): ...

class _VelvetReverbKnobs(TypedDict, total=False):
    predelay_ms: KnobValue
    decay_s: KnobValue
    decay_high_ratio: KnobValue
    lowpass_hz: KnobValue
    highpass_hz: KnobValue
    width: KnobValue
    mix: KnobValue

class _LikeVelvetReverb:
    predelay_ms: _Setting
    decay_s: _Setting
    decay_high_ratio: _Setting
    lowpass_hz: _Setting
    highpass_hz: _Setting
    width: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        density: float = 2000.0,
        ir_seconds: float = 2.5,
        seed: int = 0,
        **settings: Unpack[_VelvetReverbKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _VelvetReverbKnobs | Knobs | None = None,
        dsp_params: _VelvetReverbKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_VelvetReverbKnobs],
    ) -> Sound: ...

class VelvetReverb(_LikeVelvetReverb, _VelvetReverb): ...

class _MonoMakerKnobs(TypedDict, total=False):
    freq_hz: KnobValue

class _LikeMonoMaker:
    freq_hz: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        **settings: Unpack[_MonoMakerKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _MonoMakerKnobs | Knobs | None = None,
        dsp_params: _MonoMakerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_MonoMakerKnobs],
    ) -> Sound: ...

class MonoMaker(_LikeMonoMaker, _MonoMaker): ...

class _StereoEnhancerKnobs(TypedDict, total=False):
    delay_ms: KnobValue
    mix: KnobValue

class _LikeStereoEnhancer:
    delay_ms: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        side: Literal["right", "left"] = "right",
        interpolation: Literal["linear", "cubic", "lagrange", "sinc"] = "lagrange",
        **settings: Unpack[_StereoEnhancerKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _StereoEnhancerKnobs | Knobs | None = None,
        dsp_params: _StereoEnhancerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_StereoEnhancerKnobs],
    ) -> Sound: ...

class StereoEnhancer(_LikeStereoEnhancer, _StereoEnhancer): ...

_StereoImagerKnobs = TypedDict(
    "_StereoImagerKnobs",
    {
        "band_1.width": KnobValue,
        "band_2.width": KnobValue,
        "band_3.width": KnobValue,
        "crossover_1_hz": KnobValue,
        "crossover_2_hz": KnobValue,
    },
    total=False,
)

class _LikeStereoImager:
    crossover_1_hz: _Setting
    crossover_2_hz: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_bands: int = 3,
        crossover: Literal["linkwitz-riley", "linear-phase"] = "linkwitz-riley",
        num_taps: int = 4095,
        control_period: int = 32,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _StereoImagerKnobs | Knobs | None = None,
        dsp_params: _StereoImagerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class StereoImager(_LikeStereoImager, _StereoImager): ...

class _StereoPanningKnobs(TypedDict, total=False):
    pan: KnobValue

class _LikeStereoPanning:
    pan: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        law: Literal["constant_power", "linear", "-4.5 dB"] = "constant_power",
        **settings: Unpack[_StereoPanningKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _StereoPanningKnobs | Knobs | None = None,
        dsp_params: _StereoPanningKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_StereoPanningKnobs],
    ) -> Sound: ...

class StereoPanning(_LikeStereoPanning, _StereoPanning): ...

class _StereoWidenerKnobs(TypedDict, total=False):
    width: KnobValue

class _LikeStereoWidener:
    width: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        **settings: Unpack[_StereoWidenerKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _StereoWidenerKnobs | Knobs | None = None,
        dsp_params: _StereoWidenerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_StereoWidenerKnobs],
    ) -> Sound: ...

class StereoWidener(_LikeStereoWidener, _StereoWidener): ...

class _DeClickKnobs(TypedDict, total=False):
    threshold_db: KnobValue
    longest_ms: KnobValue
    mix: KnobValue

class _LikeDeClick:
    threshold_db: _Setting
    longest_ms: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        window_ms: float = 46.0,
        order: int = 32,
        passes: int = 3,
        **settings: Unpack[_DeClickKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _DeClickKnobs | Knobs | None = None,
        dsp_params: _DeClickKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_DeClickKnobs],
    ) -> Sound: ...

class DeClick(_LikeDeClick, _DeClick): ...

class _DeReverbKnobs(TypedDict, total=False):
    decay_s: KnobValue
    room_db: KnobValue
    reduction_db: KnobValue
    smoothing_ms: KnobValue

class _LikeDeReverb:
    decay_s: _Setting
    room_db: _Setting
    reduction_db: _Setting
    smoothing_ms: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        late_ms: float = 48.0,
        window_ms: float = 32.0,
        link: bool = True,
        **settings: Unpack[_DeReverbKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _DeReverbKnobs | Knobs | None = None,
        dsp_params: _DeReverbKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_DeReverbKnobs],
    ) -> Sound: ...

class DeReverb(_LikeDeReverb, _DeReverb): ...

class _HarmonizerKnobs(TypedDict, total=False):
    voice_1_semitones: KnobValue
    voice_1_gain_db: KnobValue
    voice_1_pan: KnobValue
    voice_1_delay_ms: KnobValue
    voice_2_semitones: KnobValue
    voice_2_gain_db: KnobValue
    voice_2_pan: KnobValue
    voice_2_delay_ms: KnobValue
    mix: KnobValue

class _LikeHarmonizer:
    voice_1_semitones: _Setting
    voice_1_gain_db: _Setting
    voice_1_pan: _Setting
    voice_1_delay_ms: _Setting
    voice_2_semitones: _Setting
    voice_2_gain_db: _Setting
    voice_2_pan: _Setting
    voice_2_delay_ms: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        num_voices: int = 2,
        law: Literal["constant_power", "linear", "-4.5 dB"] = "constant_power",
        method: Literal["locked", "gradient"] = "locked",
        window_ms: float = 46.0,
        formants: Literal["keep", "move"] = "keep",
        envelope_ms: float = 3.5,
        **settings: KnobValue,
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _HarmonizerKnobs | Knobs | None = None,
        dsp_params: _HarmonizerKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound: ...

class Harmonizer(_LikeHarmonizer, _Harmonizer): ...

class _PitchCorrectionKnobs(TypedDict, total=False):
    speed_ms: KnobValue
    amount: KnobValue
    transpose: KnobValue
    a4_hz: KnobValue
    clarity: KnobValue

class _LikePitchCorrection:
    speed_ms: _Setting
    amount: _Setting
    transpose: _Setting
    a4_hz: _Setting
    clarity: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        scale: Any = "chromatic",
        key: Any = "C",
        lowest_hz: float = 80.0,
        highest_hz: float = 1000.0,
        note_ms: float = 150.0,
        link: bool = True,
        **settings: Unpack[_PitchCorrectionKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _PitchCorrectionKnobs | Knobs | None = None,
        dsp_params: _PitchCorrectionKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_PitchCorrectionKnobs],
    ) -> Sound: ...

class PitchCorrection(_LikePitchCorrection, _PitchCorrection): ...

class _PitchShiftKnobs(TypedDict, total=False):
    semitones: KnobValue
    cents: KnobValue

class _LikePitchShift:
    semitones: _Setting
    cents: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        method: Literal["locked", "gradient"] = "locked",
        window_ms: float = 46.0,
        formants: Literal["move", "keep"] = "move",
        envelope_ms: float = 3.5,
        link: bool = True,
        **settings: Unpack[_PitchShiftKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _PitchShiftKnobs | Knobs | None = None,
        dsp_params: _PitchShiftKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_PitchShiftKnobs],
    ) -> Sound: ...

class PitchShift(_LikePitchShift, _PitchShift): ...

class _SpectralGateKnobs(TypedDict, total=False):
    threshold_db: KnobValue
    reduction_db: KnobValue
    attack_ms: KnobValue
    release_ms: KnobValue
    smoothing_hz: KnobValue

class _LikeSpectralGate:
    threshold_db: _Setting
    reduction_db: _Setting
    attack_ms: _Setting
    release_ms: _Setting
    smoothing_hz: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        noise: Any = "follow",
        quantile: float = 0.1,
        window_ms: float = 32.0,
        link: bool = True,
        **settings: Unpack[_SpectralGateKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _SpectralGateKnobs | Knobs | None = None,
        dsp_params: _SpectralGateKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_SpectralGateKnobs],
    ) -> Sound: ...

class SpectralGate(_LikeSpectralGate, _SpectralGate): ...

class _VocoderKnobs(TypedDict, total=False):
    attack_ms: KnobValue
    release_ms: KnobValue
    formant_shift: KnobValue
    width: KnobValue
    tilt_db: KnobValue
    sibilance_db: KnobValue
    pitch_hz: KnobValue
    level_db: KnobValue
    mix: KnobValue

class _LikeVocoder:
    attack_ms: _Setting
    release_ms: _Setting
    formant_shift: _Setting
    width: _Setting
    tilt_db: _Setting
    sibilance_db: _Setting
    pitch_hz: _Setting
    level_db: _Setting
    mix: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        carrier: Literal["saw", "pulse", "noise"] = "saw",
        num_bands: int = 16,
        lowest_hz: float = 100.0,
        highest_hz: float = 7000.0,
        seed: int = 0,
        control_period: int = 32,
        **settings: Unpack[_VocoderKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _VocoderKnobs | Knobs | None = None,
        dsp_params: _VocoderKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_VocoderKnobs],
    ) -> Sound: ...

class Vocoder(_LikeVocoder, _Vocoder): ...
class DCBlocker(_LikeMonoMaker, _DCBlocker): ...

class _DitherKnobs(TypedDict, total=False):
    amount: KnobValue

class _LikeDither:
    amount: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        bits: int = 16,
        quantize: bool = True,
        seed: int = 0,
        **settings: Unpack[_DitherKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _DitherKnobs | Knobs | None = None,
        dsp_params: _DitherKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_DitherKnobs],
    ) -> Sound: ...

class Dither(_LikeDither, _Dither): ...

class _FadeKnobs(TypedDict, total=False):
    fade_in_s: KnobValue
    fade_out_s: KnobValue

class _LikeFade:
    fade_in_s: _Setting
    fade_out_s: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        shape: Literal["linear", "equal_power", "exponential", "s_curve"] = "s_curve",
        length_s: float | None = None,
        **settings: Unpack[_FadeKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _FadeKnobs | Knobs | None = None,
        dsp_params: _FadeKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_FadeKnobs],
    ) -> Sound: ...

class Fade(_LikeFade, _Fade): ...

class _GainKnobs(TypedDict, total=False):
    gain_db: KnobValue

class _LikeGain:
    gain_db: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        **settings: Unpack[_GainKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _GainKnobs | Knobs | None = None,
        dsp_params: _GainKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_GainKnobs],
    ) -> Sound: ...

class Gain(_LikeGain, _Gain): ...

class _InvertKnobs(TypedDict, total=False):
    amount: KnobValue

class _LikeInvert:
    amount: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        **settings: Unpack[_InvertKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _InvertKnobs | Knobs | None = None,
        dsp_params: _InvertKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_InvertKnobs],
    ) -> Sound: ...

class Invert(_LikeInvert, _Invert): ...

class _MeterKnobs(TypedDict, total=False):
    trim_db: KnobValue

class _LikeMeter:
    trim_db: _Setting
    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: _Ranges = None,
        *,
        loudness: bool = True,
        true_peak: bool = True,
        spectrum: bool = False,
        **settings: Unpack[_MeterKnobs],
    ) -> None: ...
    def __call__(
        self,
        x: Sound,
        *,
        norm_params: _MeterKnobs | Knobs | None = None,
        dsp_params: _MeterKnobs | Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: Unpack[_MeterKnobs],
    ) -> Sound: ...

class Meter(_LikeMeter, _Meter): ...
