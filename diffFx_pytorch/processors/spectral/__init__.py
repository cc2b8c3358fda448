"""Effects on the short-time spectrum."""

from .spectral_gate import SpectralGate

__all__ = ["SpectralGate"]
