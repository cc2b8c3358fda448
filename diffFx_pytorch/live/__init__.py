"""Effects under a sound card: a player of blocks, and a clock in place of the card."""

from .clock import run
from .player import Meter, Player

__all__ = ["Meter", "Player", "run"]
