"""The attack/release smoother in eager torch, for devices without a kernel."""

from __future__ import annotations

import torch
from torch import Tensor

from diffFx_pytorch.kernels.rows import broadcast_shape
from diffFx_pytorch.recursion.fallback.scan import first_order_scan

SEGMENT = 1024


def _segment_levels(x: Tensor, attack: Tensor, release: Tensor, state: Tensor) -> Tensor:
    """Levels of one segment: guess where the level rises, solve the linear recursion, look again.

    A guess right up to sample t gives the level right up to t, hence the choice at t + 1: each round settles at least
    one sample more, so the loop ends with the exact choice. Music settles in about ten rounds. The choice is a constant
    of the derivative.
    """

    def levels(rising: Tensor, x: Tensor, attack: Tensor, release: Tensor, state: Tensor) -> Tensor:
        c = torch.where(rising, attack, release)
        return first_order_scan(c, (1 - c) * x, state)

    known = [t.detach() for t in (x, attack, release, state)]
    rising = known[0] > torch.cat([known[3], known[0][..., :-1]], -1)
    while True:
        found = known[0] > torch.cat([known[3], levels(rising, *known)[..., :-1]], -1)
        if torch.equal(found, rising):
            return levels(rising, x, attack, release, state)
        rising = found


def attack_release_levels(x: Tensor, attack: Tensor, release: Tensor, zi: Tensor) -> Tensor:
    """Levels in float64, differentiable; arguments as in ``ops.attack_release``, all (..., T) or (..., 1).

    Cost: T / 1024 segments in turn, each some ten rounds of ten vector steps; at worst 1024 rounds.
    """
    batch_shape = broadcast_shape(x.shape[:-1], attack.shape[:-1], release.shape[:-1], zi.shape[:-1])
    T = x.shape[-1]
    x, attack, release = (t.double().expand(*batch_shape, T) for t in (x, attack, release))
    state = zi.double().expand(*batch_shape, 1)
    segments = []
    for start in range(0, T, SEGMENT):
        part = slice(start, start + SEGMENT)
        segments.append(_segment_levels(x[..., part], attack[..., part], release[..., part], state))
        state = segments[-1][..., -1:]
    return torch.cat(segments, -1) if segments else x
