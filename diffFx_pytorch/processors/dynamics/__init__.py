"""Effects whose gain follows a level."""

from .compressor import Compressor
from .limiter import Limiter

__all__ = ["Compressor", "Limiter"]
