"""The attack/release smoother in plain torch, for devices without a kernel."""

from __future__ import annotations

import torch
from torch import Tensor

from diffFx_pytorch.recursion.fallback.scan import first_order_scan

SEGMENT = 1024


def _segment_levels(x: Tensor, attack: Tensor, release: Tensor, state: Tensor) -> Tensor:
    """Levels of one segment: guess where the level rises, solve the linear recursion, look again.

    A guess right up to sample t gives the level right up to t, hence the choice at t + 1: each round settles at least
    one sample more, so the loop ends with the exact choice. Music settles in about ten rounds.
    """
    rising = x > torch.cat([state, x[..., :-1]], -1)
    while True:
        c = torch.where(rising, attack, release)
        levels = first_order_scan(c, (1 - c) * x, state)
        settled = x > torch.cat([state, levels[..., :-1]], -1)
        if torch.equal(settled, rising):
            return levels
        rising = settled


def attack_release_levels(x: Tensor, attack: Tensor, release: Tensor, zi: Tensor) -> Tensor:
    """Levels in float64; arguments as in ``ops.attack_release``, all (..., T) or (..., 1).

    Cost: T / 1024 segments in turn, each some ten rounds of ten vector steps; at worst 1024 rounds.
    """
    lead = torch.broadcast_shapes(x.shape[:-1], attack.shape[:-1], release.shape[:-1], zi.shape[:-1])
    T = x.shape[-1]
    x, attack, release = (t.double().expand(*lead, T) for t in (x, attack, release))
    state = zi.double().expand(*lead, 1)
    segments = []
    for start in range(0, T, SEGMENT):
        part = slice(start, start + SEGMENT)
        segments.append(_segment_levels(x[..., part], attack[..., part], release[..., part], state))
        state = segments[-1][..., -1:]
    return torch.cat(segments, -1) if segments else x


def attack_release_gradients(
    grad_y: Tensor, grad_zf: Tensor, x: Tensor, attack: Tensor, release: Tensor, zi: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients to x, attack, release (..., T each) and zi (..., 1), float64: the same recursion run backwards."""
    levels = attack_release_levels(x, attack, release, zi)
    previous = torch.cat([zi.double().expand(*levels.shape[:-1], 1), levels], -1)[..., :-1]
    rising = x > previous
    c = torch.where(rising, attack.double(), release.double())
    following = torch.cat([c, torch.ones_like(c[..., :1])], -1)[..., 1:]
    total = first_order_scan(following.flip(-1), grad_y.double().flip(-1), grad_zf.double()).flip(-1)
    slope = total * (previous - x)
    none = torch.zeros_like(slope)
    grad_zi = c[..., :1] * total[..., :1] if x.shape[-1] else grad_zf.double().expand_as(levels[..., :1])
    return (1 - c) * total, torch.where(rising, slope, none), torch.where(rising, none, slope), grad_zi
