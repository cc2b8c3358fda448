"""Effects whose gain follows a level."""

from .compressor import Compressor

__all__ = ["Compressor"]
