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
