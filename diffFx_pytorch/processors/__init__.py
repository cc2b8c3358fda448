"""The effects, one folder a family."""

from .modulation import Tremolo
from .utility import Gain

__all__ = ["Gain", "Tremolo"]
