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

__all__ = [
    "ArcTanClipper",
    "BitCrusher",
    "CubicClipper",
    "DoubleSoftClipper",
    "ExponentialClipper",
    "HardClipper",
    "Overdrive",
    "Rectifier",
    "SoftClipper",
    "TanH",
    "Waveshaper",
]
