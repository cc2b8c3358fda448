"""Mid and side of a stereo signal."""

from __future__ import annotations

import torch
from torch import Tensor


def to_mid_side(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mid M = (L + R) / 2 and side S = (L - R) / 2 of a stereo signal.

    With the half, a signal that is the same on both sides keeps its level as mid.

    Args:
        x: (B, 2, T).

    Returns:
        ``(mid, side)``, each (B, 1, T).

    References:
        A. D. Blumlein, British Patent 394 325, 1931.
    """
    left, right = x[:, :1], x[:, 1:]
    return 0.5 * (left + right), 0.5 * (left - right)


def from_mid_side(mid: Tensor, side: Tensor) -> Tensor:
    """The inverse of ``to_mid_side``, up to rounding: L = M + S, R = M - S; (B, 1, T) each to (B, 2, T)."""
    return torch.cat((mid + side, mid - side), 1)
