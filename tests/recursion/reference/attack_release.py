"""The attack/release smoother as on paper: one sample at a time, differentiable by autograd."""

from __future__ import annotations

import torch
from torch import Tensor


def attack_release(x: Tensor, attack: Tensor, release: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """``y[t] = c y[t-1] + (1 - c) x[t]``, ``c`` the attack while rising, else the release.

    Args:
        x: (..., T).
        attack: (..., T) or (..., 1).
        release: (..., T) or (..., 1).
        zi: level before the first sample, (...).

    Returns:
        Levels (..., T) and the last level (...).
    """
    batch_shape = torch.broadcast_shapes(x.shape[:-1], attack.shape[:-1], release.shape[:-1], zi.shape)
    T = x.shape[-1]
    x, attack, release = (t.expand(*batch_shape, T) for t in (x, attack, release))
    y = zi.expand(batch_shape)
    levels = []
    for t in range(T):
        c = torch.where(x[..., t] > y, attack[..., t], release[..., t])
        y = c * y + (1 - c) * x[..., t]
        levels.append(y)
    return (torch.stack(levels, -1) if levels else x), y
