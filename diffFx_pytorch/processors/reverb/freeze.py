"""Reverbs that hold what sounds in them."""

from __future__ import annotations

from torch import Tensor

from ...options import Flag
from ...params import EffectParam

FREEZABLE = Flag(False, doc="A knob that holds the room as it sounds: adds freeze; see above.")
FREEZE = {
    "freeze": EffectParam(0.0, 1.0, 0.0, doc="Holds the reverberation: at 1 it stays for ever, and nothing comes in."),
}
LONGEST_S = 60.0
"""Of a tail: what is held has no end."""


def opened(share: Tensor, freeze: Tensor | None) -> Tensor:
    """What takes something from the loop, a loss, a pole or a depth, gone as the room is frozen."""
    return share if freeze is None else share * (1 - freeze)


def longest_decay(decay_s: Tensor, freeze: Tensor | None) -> Tensor:
    """Of a tail, in seconds."""
    return decay_s.amax() if freeze is None else (decay_s / (1 - freeze)).amax().clamp_max(LONGEST_S)


def let_in(freeze: Tensor | None) -> dict[str, Tensor]:
    """The share of the input that comes in, as the coefficient ``inlet``."""
    return {} if freeze is None else {"inlet": 1 - freeze}
