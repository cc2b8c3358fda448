from diffFx_pytorch.processors import DeClick as DeClick
from diffFx_pytorch.processors import DeReverb as DeReverb
from diffFx_pytorch.processors import Harmonizer as Harmonizer
from diffFx_pytorch.processors import PitchCorrection as PitchCorrection
from diffFx_pytorch.processors import PitchShift as PitchShift
from diffFx_pytorch.processors import SpectralGate as SpectralGate
from diffFx_pytorch.processors import Vocoder as Vocoder
