from diffFx_pytorch.params import EffectParam
from diffFx_pytorch.processors.delay import BasicDelay
from diffFx_pytorch.processors.delay import FeedbackDelay
from diffFx_pytorch.processors.delay import MultiTapDelay
from diffFx_pytorch.processors.delay import PingPongDelay
from diffFx_pytorch.processors.delay import SlapbackDelay
from diffFx_pytorch.processors.distortion import ArcTanClipper
from diffFx_pytorch.processors.distortion import BitCrusher
from diffFx_pytorch.processors.distortion import CubicClipper
from diffFx_pytorch.processors.distortion import DoubleSoftClipper
from diffFx_pytorch.processors.distortion import ExponentialClipper
from diffFx_pytorch.processors.distortion import HardClipper
from diffFx_pytorch.processors.distortion import Overdrive
from diffFx_pytorch.processors.distortion import Rectifier
from diffFx_pytorch.processors.distortion import SoftClipper
from diffFx_pytorch.processors.distortion import TanH
from diffFx_pytorch.processors.distortion import Waveshaper
from diffFx_pytorch.processors.dynamics import Compressor
from diffFx_pytorch.processors.dynamics import DeEsser
from diffFx_pytorch.processors.dynamics import Expander
from diffFx_pytorch.processors.dynamics import Limiter
from diffFx_pytorch.processors.dynamics import MultiBandCompressor
from diffFx_pytorch.processors.dynamics import MultiBandExpander
from diffFx_pytorch.processors.dynamics import MultiBandLimiter
from diffFx_pytorch.processors.dynamics import MultiBandNoiseGate
from diffFx_pytorch.processors.dynamics import MultiBandTransientShaper
from diffFx_pytorch.processors.dynamics import NoiseGate
from diffFx_pytorch.processors.dynamics import TransientShaper
from diffFx_pytorch.processors.eq import AllPass
from diffFx_pytorch.processors.eq import BandPass
from diffFx_pytorch.processors.eq import DynamicEqualizer
from diffFx_pytorch.processors.eq import GraphicEqualizer
from diffFx_pytorch.processors.eq import HighPass
from diffFx_pytorch.processors.eq import HighShelf
from diffFx_pytorch.processors.eq import LowPass
from diffFx_pytorch.processors.eq import LowShelf
from diffFx_pytorch.processors.eq import Notch
from diffFx_pytorch.processors.eq import ParametricEqualizer
from diffFx_pytorch.processors.eq import Peak
from diffFx_pytorch.processors.eq import ToneStack
from diffFx_pytorch.processors.modulation import AutoPan
from diffFx_pytorch.processors.modulation import AutoWah
from diffFx_pytorch.processors.modulation import Chorus
from diffFx_pytorch.processors.modulation import FeedbackFlanger
from diffFx_pytorch.processors.modulation import Flanger
from diffFx_pytorch.processors.modulation import MultiVoiceChorus
from diffFx_pytorch.processors.modulation import Phaser
from diffFx_pytorch.processors.modulation import RingModulator
from diffFx_pytorch.processors.modulation import StereoChorus
from diffFx_pytorch.processors.modulation import StereoFlanger
from diffFx_pytorch.processors.modulation import Tremolo
from diffFx_pytorch.processors.modulation import Vibrato
from diffFx_pytorch.processors.reverb import ConvolutionReverb
from diffFx_pytorch.processors.reverb import EarlyReflections
from diffFx_pytorch.processors.reverb import FDNReverb
from diffFx_pytorch.processors.reverb import NoiseShapedReverb
from diffFx_pytorch.processors.reverb import PlateReverb
from diffFx_pytorch.processors.reverb import SchroederReverb
from diffFx_pytorch.processors.reverb import VelvetReverb
from diffFx_pytorch.processors.spatial import MonoMaker
from diffFx_pytorch.processors.spatial import StereoEnhancer
from diffFx_pytorch.processors.spatial import StereoImager
from diffFx_pytorch.processors.spatial import StereoPanning
from diffFx_pytorch.processors.spatial import StereoWidener
from diffFx_pytorch.processors.spectral import PitchShift
from diffFx_pytorch.processors.spectral import SpectralGate
from diffFx_pytorch.processors.utility import DCBlocker
from diffFx_pytorch.processors.utility import Dither
from diffFx_pytorch.processors.utility import Fade
from diffFx_pytorch.processors.utility import Gain
from diffFx_pytorch.processors.utility import Invert

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
