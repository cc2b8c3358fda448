"""Effects whose gain follows a level."""

from .compressor import Compressor
from .expander import Expander
from .limiter import Limiter
from .noise_gate import NoiseGate

__all__ = ["Compressor", "Expander", "Limiter", "NoiseGate"]
