"""Effects that an oscillator moves."""

from .tremolo import Tremolo

__all__ = ["Tremolo"]
