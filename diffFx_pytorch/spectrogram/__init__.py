"""Phase retrieval: a signal back from the magnitude of its spectrogram.

Knows nothing of effects; of use alone.
"""

from .chroma import chroma_bands
from .descent import Inversion
from .invert import invert_spectrogram
from .invert_mel import invert_mel
from .mel import MelScale
from .metrics import inconsistency, log_spectral_distance, magnitude_snr, spectral_convergence
from .pghi import pghi
from .phase_vocoder import time_stretch
from .real_time_pghi import RealTimePGHI, real_time_pghi
from .representation import invert
from .rtisi import RTISI, rtisi_la
from .rules import METHODS, DifferenceMap, Momentum, Reflection
from .spsi import spsi
from .stft import STFT

__all__ = [
    "METHODS",
    "RTISI",
    "STFT",
    "DifferenceMap",
    "Inversion",
    "MelScale",
    "Momentum",
    "RealTimePGHI",
    "Reflection",
    "chroma_bands",
    "inconsistency",
    "invert",
    "invert_mel",
    "invert_spectrogram",
    "log_spectral_distance",
    "magnitude_snr",
    "pghi",
    "real_time_pghi",
    "rtisi_la",
    "spectral_convergence",
    "spsi",
    "time_stretch",
]
