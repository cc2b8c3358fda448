"""Effects on the short-time spectrum."""

from .pitch_shift import PitchShift
from .spectral_gate import SpectralGate

__all__ = ["PitchShift", "SpectralGate"]
