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
