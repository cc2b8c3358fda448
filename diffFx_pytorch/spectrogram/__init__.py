"""Phase retrieval: a signal back from the magnitude of its spectrogram.

Knows nothing of effects; of use alone.
"""

from .invert import Inversion, invert_spectrogram
from .metrics import inconsistency, log_spectral_distance, magnitude_snr, ser, spectral_convergence
from .pghi import pghi
from .real_time_pghi import RealTimePGHI, real_time_pghi
from .rules import METHODS, DifferenceMap, Momentum, Reflection
from .spsi import spsi
from .stft import STFT

__all__ = [
    "METHODS",
    "STFT",
    "DifferenceMap",
    "Inversion",
    "Momentum",
    "RealTimePGHI",
    "Reflection",
    "inconsistency",
    "invert_spectrogram",
    "log_spectral_distance",
    "magnitude_snr",
    "pghi",
    "real_time_pghi",
    "ser",
    "spectral_convergence",
    "spsi",
]
