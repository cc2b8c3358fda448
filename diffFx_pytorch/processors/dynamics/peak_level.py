"""The level that expander, gate and transient shaper go by."""

from __future__ import annotations

import math

from torch import Tensor

from ...recursion import running_max

PEAK_MS = 10.0
"""A peak counts for so long: half a period of 50 Hz, so that a steady tone has one level, zero crossings included."""

FLOOR_DB = -200.0
"""The level of silence."""


class PeakLevel:
    """Peaks of a key over the last ``PEAK_MS``.

    Args:
        sample_rate: in Hz.
        link: the loudest channel counts for all.
    """

    def __init__(self, sample_rate: float, link: bool) -> None:
        self.window = max(1, round(PEAK_MS * sample_rate / 1000))
        self.link = link

    def __call__(self, key: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Peaks (B, C, T), or (B, 1, T) where linked, of a block (B, C, T), and the state after it."""
        size = key.abs()
        size = size.amax(1, keepdim=True) if self.link and size.shape[1] > 1 else size
        peak, state = running_max(size, self.window, state, return_zf=True)
        return peak, state


def hold_of(time_ms: Tensor, sample_rate: float) -> Tensor:
    """The coefficient of a time constant, exp(-1 / (tau fs))."""
    # 1 - c of a long time has no digits left in float32.
    return (-1000 / (sample_rate * time_ms.double())).exp()


def check_lookahead(owner: str, lookahead_ms: float) -> None:
    """Refuse what is no look-ahead.

    Raises:
        ValueError: for one that is negative or longer than a second.
    """
    if not (math.isfinite(lookahead_ms) and 0 <= lookahead_ms <= 1000):
        raise ValueError(f"{owner}: lookahead_ms must lie in 0 .. 1000, got {lookahead_ms!r}")
