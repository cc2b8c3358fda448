"""Phase retrieval: a signal back from the magnitude of its spectrogram.

Knows nothing of effects; of use alone.
"""

from .stft import STFT

__all__ = ["STFT"]
