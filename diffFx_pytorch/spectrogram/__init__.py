"""Phase retrieval: a signal back from the magnitude of its spectrogram.

Knows nothing of effects; of use alone.
"""

from .invert import Inversion, invert_spectrogram
from .metrics import inconsistency, log_spectral_distance, magnitude_snr, ser, spectral_convergence
from .rules import METHODS, DifferenceMap, Momentum, Reflection
from .stft import STFT

__all__ = [
    "METHODS",
    "STFT",
    "DifferenceMap",
    "Inversion",
    "Momentum",
    "Reflection",
    "inconsistency",
    "invert_spectrogram",
    "log_spectral_distance",
    "magnitude_snr",
    "ser",
    "spectral_convergence",
]
