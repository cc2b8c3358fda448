from diffFx_pytorch.params import EffectParam
from diffFx_pytorch.processors.delay.basic_delay import BasicDelay
from diffFx_pytorch.processors.delay.feedback_delay import FeedbackDelay
from diffFx_pytorch.processors.delay.multi_tap_delay import MultiTapDelay
from diffFx_pytorch.processors.delay.ping_pong_delay import PingPongDelay
from diffFx_pytorch.processors.delay.slapback_delay import SlapbackDelay
from diffFx_pytorch.processors.distortion.bit_crusher import BitCrusher
from diffFx_pytorch.processors.distortion.clippers import ArcTanClipper
from diffFx_pytorch.processors.distortion.clippers import CubicClipper
from diffFx_pytorch.processors.distortion.clippers import DoubleSoftClipper
from diffFx_pytorch.processors.distortion.clippers import ExponentialClipper
from diffFx_pytorch.processors.distortion.clippers import HardClipper
from diffFx_pytorch.processors.distortion.clippers import SoftClipper
from diffFx_pytorch.processors.distortion.overdrive import Overdrive
from diffFx_pytorch.processors.distortion.rectifier import Rectifier
from diffFx_pytorch.processors.distortion.tanh import TanH
from diffFx_pytorch.processors.distortion.waveshaper import Waveshaper
from diffFx_pytorch.processors.dynamics.compressor import Compressor
from diffFx_pytorch.processors.dynamics.de_esser import DeEsser
from diffFx_pytorch.processors.dynamics.expander import Expander
from diffFx_pytorch.processors.dynamics.limiter import Limiter
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandCompressor
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandExpander
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandLimiter
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandNoiseGate
from diffFx_pytorch.processors.dynamics.multi_band import MultiBandTransientShaper
from diffFx_pytorch.processors.dynamics.noise_gate import NoiseGate
from diffFx_pytorch.processors.dynamics.transient_shaper import TransientShaper
from diffFx_pytorch.processors.eq.dynamic_equalizer import DynamicEqualizer
from diffFx_pytorch.processors.eq.graphic_equalizer import GraphicEqualizer
from diffFx_pytorch.processors.eq.parametric_equalizer import ParametricEqualizer
from diffFx_pytorch.processors.eq.single_filters import AllPass
from diffFx_pytorch.processors.eq.single_filters import BandPass
from diffFx_pytorch.processors.eq.single_filters import HighPass
from diffFx_pytorch.processors.eq.single_filters import HighShelf
from diffFx_pytorch.processors.eq.single_filters import LowPass
from diffFx_pytorch.processors.eq.single_filters import LowShelf
from diffFx_pytorch.processors.eq.single_filters import Notch
from diffFx_pytorch.processors.eq.single_filters import Peak
from diffFx_pytorch.processors.eq.tone_stack import ToneStack
from diffFx_pytorch.processors.modulation.auto_pan import AutoPan
from diffFx_pytorch.processors.modulation.auto_wah import AutoWah
from diffFx_pytorch.processors.modulation.chorus import Chorus
from diffFx_pytorch.processors.modulation.chorus import MultiVoiceChorus
from diffFx_pytorch.processors.modulation.chorus import StereoChorus
from diffFx_pytorch.processors.modulation.flanger import FeedbackFlanger
from diffFx_pytorch.processors.modulation.flanger import Flanger
from diffFx_pytorch.processors.modulation.flanger import StereoFlanger
from diffFx_pytorch.processors.modulation.phaser import Phaser
from diffFx_pytorch.processors.modulation.ring_modulator import RingModulator
from diffFx_pytorch.processors.modulation.tremolo import Tremolo
from diffFx_pytorch.processors.modulation.vibrato import Vibrato
from diffFx_pytorch.processors.reverb.convolution_reverb import ConvolutionReverb
from diffFx_pytorch.processors.reverb.early_reflections import EarlyReflections
from diffFx_pytorch.processors.reverb.fdn_reverb import FDNReverb
from diffFx_pytorch.processors.reverb.noise_shaped_reverb import NoiseShapedReverb
from diffFx_pytorch.processors.reverb.plate_reverb import PlateReverb
from diffFx_pytorch.processors.reverb.schroeder_reverb import SchroederReverb
from diffFx_pytorch.processors.reverb.velvet_reverb import VelvetReverb
from diffFx_pytorch.processors.spatial.mono_maker import MonoMaker
from diffFx_pytorch.processors.spatial.stereo_enhancer import StereoEnhancer
from diffFx_pytorch.processors.spatial.stereo_imager import StereoImager
from diffFx_pytorch.processors.spatial.stereo_panning import StereoPanning
from diffFx_pytorch.processors.spatial.stereo_widener import StereoWidener
from diffFx_pytorch.processors.spectral.pitch_shift import PitchShift
from diffFx_pytorch.processors.spectral.spectral_gate import SpectralGate
from diffFx_pytorch.processors.utility.dc_blocker import DCBlocker
from diffFx_pytorch.processors.utility.dither import Dither
from diffFx_pytorch.processors.utility.fade import Fade
from diffFx_pytorch.processors.utility.gain import Gain
from diffFx_pytorch.processors.utility.invert import Invert

__all__ = [
    "AllPass",
    "ArcTanClipper",
    "AutoPan",
    "AutoWah",
    "BandPass",
    "BasicDelay",
    "BitCrusher",
    "Chorus",
    "Compressor",
    "ConvolutionReverb",
    "CubicClipper",
    "DCBlocker",
    "DeEsser",
    "Dither",
    "DoubleSoftClipper",
    "DynamicEqualizer",
    "EarlyReflections",
    "EffectParam",
    "Expander",
    "ExponentialClipper",
    "FDNReverb",
    "Fade",
    "FeedbackDelay",
    "FeedbackFlanger",
    "Flanger",
    "Gain",
    "GraphicEqualizer",
    "HardClipper",
    "HighPass",
    "HighShelf",
    "Invert",
    "Limiter",
    "LowPass",
    "LowShelf",
    "MonoMaker",
    "MultiBandCompressor",
    "MultiBandExpander",
    "MultiBandLimiter",
    "MultiBandNoiseGate",
    "MultiBandTransientShaper",
    "MultiTapDelay",
    "MultiVoiceChorus",
    "NoiseGate",
    "NoiseShapedReverb",
    "Notch",
    "Overdrive",
    "ParametricEqualizer",
    "Peak",
    "Phaser",
    "PingPongDelay",
    "PitchShift",
    "PlateReverb",
    "Rectifier",
    "RingModulator",
    "SchroederReverb",
    "SlapbackDelay",
    "SoftClipper",
    "SpectralGate",
    "StereoChorus",
    "StereoEnhancer",
    "StereoFlanger",
    "StereoImager",
    "StereoPanning",
    "StereoWidener",
    "TanH",
    "ToneStack",
    "TransientShaper",
    "Tremolo",
    "VelvetReverb",
    "Vibrato",
    "Waveshaper",
]
