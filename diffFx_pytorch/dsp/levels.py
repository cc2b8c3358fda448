"""Levels: decibels and amplitudes."""

from __future__ import annotations

import math

from torch import Tensor

NEPER_PER_DB = math.log(10.0) / 20.0
"""Neper, the natural logarithm of an amplitude ratio, per dB."""


def db_to_amp(level_db: Tensor) -> Tensor:
    """Amplitude of a level: 10^(L / 20). Any shape."""
    return (level_db * NEPER_PER_DB).exp()


def amp_to_db(amp: Tensor, floor_db: float = -200.0) -> Tensor:
    """Level of an amplitude in dB: 20 log10 |a|, at least ``floor_db`` so that silence has a level and a gradient.

    Args:
        amp: amplitudes of any shape and sign.
        floor_db: the lowest level returned; its gradient is zero.
    """
    return amp.abs().clamp_min(10.0 ** (floor_db / 20.0)).log() / NEPER_PER_DB


def decay_seconds(factor: Tensor, period_s: Tensor | float, decay_db: float = 60.0, margin: float = 1e-9) -> Tensor:
    """Seconds until what is multiplied by ``factor`` every ``period_s`` has decayed by ``decay_db``.

    t = period decay / (-20 log10 |factor|); finite for factors of 0 and 1, which count as 1e-9 and 1 - ``margin``.
    """
    return period_s * decay_db * NEPER_PER_DB / -factor.abs().clamp(1e-9, 1 - margin).log()
