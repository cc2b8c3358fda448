"""The static part of dynamics processors: how much gain a level asks for."""

from __future__ import annotations

import math

import torch
from torch import Tensor

NEPER_PER_DB = math.log(10.0) / 20.0

_SHARPEST_KNEE_DB = 1e-3
_FLOOR = 1e-10


def amp_to_neper(amp: Tensor) -> Tensor:
    """Natural logarithm of an amplitude >= 0, held at -200 dB, where its gradient is zero."""
    return amp.clamp_min(_FLOOR).log()


def power_to_neper(power: Tensor) -> Tensor:
    """Natural logarithm of the amplitude of a power >= 0, held at -200 dB, where its gradient is zero."""
    return 0.5 * power.clamp_min(_FLOOR**2).log()


def overshoot(level: Tensor, threshold_db: Tensor, knee_db: Tensor) -> Tensor:
    """Height of a level over threshold, with a soft knee; (1 - 1/R) of it is what a compressor of ratio R takes away.

    With o = L - T and W the width of the knee,

        overshoot = 0                    where o <= -W/2,
                    (o + W/2)^2 / (2 W)  where |o| < W/2,
                    o                    where o >= W/2.

    That is m (v - m / 2) / W with v = max(o + W/2, 0) and m = min(v, W): no branch, and no division by zero. A knee
    narrower than 0.001 dB counts as 0.001 dB.

    Args:
        level: L in neper (natural logarithm of amplitude), (B, C, T).
        threshold_db: T, broadcastable to ``level``.
        knee_db: W >= 0.

    Returns:
        Overshoot >= 0 in neper, of the shape of ``level``.

    References:
        D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic range compressor design: a tutorial and analysis",
        JAES 60(6), 2012, equation 4.
    """
    W = NEPER_PER_DB * knee_db.clamp_min(_SHARPEST_KNEE_DB)
    v = (level + (0.5 * W - NEPER_PER_DB * threshold_db)).clamp_min(0.0)
    m = torch.minimum(v, W)
    return m * torch.sub(v, m, alpha=0.5) / W
