"""What gains are smoothed with, and the form in which they are: coefficients of times, and parts of a range."""

from __future__ import annotations

import torch
from torch import Tensor

MOST_BEYOND_DB = 300.0
"""No level is further from a threshold than this: it lies between that of silence, -200 dB, and 100 dB."""

_NARROWEST_DB = 1e-9


def smoothing(time_ms: Tensor, sample_rate: float) -> Tensor:
    """The smoothing coefficient of a time constant, exp(-1 / (tau fs)), float64.

    Args:
        time_ms: tau in ms, any shape: the time in which a step is covered to 1 - 1/e (63 %).
        sample_rate: in Hz.
    """
    # 1 - c of a long time has no digits left in float32.
    return (-1000 / (sample_rate * time_ms.double())).exp()


def limited_slope(slope: Tensor, range_db: Tensor) -> tuple[Tensor, Tensor]:
    """A gain of ``slope`` dB for each dB beyond a threshold, up to a range, as a bounded part of what it can reach.

    sign(range) min(slope d, |range|) = reach min(d / width, 1) for every distance d in 0 .. ``MOST_BEYOND_DB``. The
    part, min(d / width, 1), is what is to be smoothed. It lies in 0 .. 1 whatever the knobs do between two samples, and
    it still tells a growing from a shrinking gain where slope or range is 0, so gradients there know which.

    Args:
        slope: in dB per dB, >= 0; any shape that broadcasts with the range.
        range_db: the furthest gain, of either sign.

    Returns:
        ``(reach, width)`` in dB: the furthest gain, and the distance beyond the threshold at which it is reached.
    """
    furthest = MOST_BEYOND_DB * slope
    # Not a clamp: at a slope of 0 both of its ends would meet, and share the gradient.
    reach = torch.where(range_db.abs() < furthest, range_db, range_db.sign() * furthest)
    width = range_db.abs() / torch.maximum(slope, range_db.abs() / MOST_BEYOND_DB).clamp_min(_NARROWEST_DB)
    return reach, width.clamp_min(_NARROWEST_DB)
