"""Levels, fades and plumbing."""

from ...routing import MidSide, Send
from .dc_blocker import DCBlocker
from .dither import Dither
from .fade import Fade
from .gain import Gain
from .invert import Invert

__all__ = ["DCBlocker", "Dither", "Fade", "Gain", "Invert", "MidSide", "Send"]
