from diffFx_pytorch.processors.spectral.pitch_shift import PitchShift
from diffFx_pytorch.processors.spectral.spectral_gate import SpectralGate

__all__ = [
    "PitchShift",
    "SpectralGate",
]
