"""Effects made of effects."""

from .chain import Chain, Tapped
from .dry_wet import DryWet
from .ducked import Ducked
from .keyed import Keyed
from .metering import readings
from .mid_side import MidSide
from .mixer import Mixer
from .multi_band import MultiBand
from .parallel import Parallel
from .send import Send

__all__ = [
    "Chain",
    "DryWet",
    "Ducked",
    "Keyed",
    "MidSide",
    "Mixer",
    "MultiBand",
    "Parallel",
    "Send",
    "Tapped",
    "readings",
]
