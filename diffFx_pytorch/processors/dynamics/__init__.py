"""Effects whose gain follows a level."""

from .compressor import Compressor
from .de_esser import DeEsser
from .expander import Expander
from .limiter import Limiter
from .multi_band_compressor import MultiBandCompressor
from .multi_band_expander import MultiBandExpander
from .multi_band_limiter import MultiBandLimiter
from .multi_band_noise_gate import MultiBandNoiseGate
from .multi_band_transient_shaper import MultiBandTransientShaper
from .noise_gate import NoiseGate
from .transient_shaper import TransientShaper

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
