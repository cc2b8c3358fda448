from diffFx_pytorch.processors.reverb.convolution_reverb import ConvolutionReverb
from diffFx_pytorch.processors.reverb.early_reflections import EarlyReflections
from diffFx_pytorch.processors.reverb.fdn_reverb import FDNReverb
from diffFx_pytorch.processors.reverb.noise_shaped_reverb import NoiseShapedReverb
from diffFx_pytorch.processors.reverb.plate_reverb import PlateReverb
from diffFx_pytorch.processors.reverb.schroeder_reverb import SchroederReverb
from diffFx_pytorch.processors.reverb.velvet_reverb import VelvetReverb

__all__ = [
    "ConvolutionReverb",
    "EarlyReflections",
    "FDNReverb",
    "NoiseShapedReverb",
    "PlateReverb",
    "SchroederReverb",
    "VelvetReverb",
]
