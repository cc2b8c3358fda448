"""Effects of others as steps of a chain: those of pedalboard and VST3 plugins (extra `pedalboard`).

They stream, and have a known latency; a gradient does not go through them, and their knobs stay fixed. Nothing of
pedalboard, which is GPL, is imported before one of them is asked for.
"""

from .effects import hosted_effects
from .vst3 import VST3

__all__ = ["VST3", "hosted_effects"]
