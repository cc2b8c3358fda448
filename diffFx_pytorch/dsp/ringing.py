"""How long a section rings."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def ring_seconds(sos: Tensor, sample_rate: float, decay_db: float = 60.0) -> Tensor:
    """Seconds until the slower pole of each section has decayed by ``decay_db``.

    The poles are the roots of z^2 + a1 z + a2: of radius sqrt(a2) where complex, else the larger of two real ones.

    Args:
        sos: sections [b0 b1 b2 a0 a1 a2] (..., 6), stable.
        sample_rate: in Hz.
        decay_db: how far, in dB.

    Returns:
        Seconds (...), float64, held below an hour.
    """
    a1, a2 = (sos.double()[..., i] / sos.double()[..., 3] for i in (4, 5))
    under = a1 * a1 / 4 - a2
    radius = torch.where(under < 0, a2.clamp_min(0).sqrt(), a1.abs() / 2 + under.clamp_min(0).sqrt())
    samples = decay_db / 20 * math.log(10) / -radius.clamp(1e-9, 1 - 1e-12).log()
    return (samples / sample_rate).clamp_max(3600.0)
