"""The attack/release smoother in eager torch, for devices without a kernel."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from diffFx_pytorch.kernels.precision import widest
from diffFx_pytorch.kernels.rows import broadcast_shape
from diffFx_pytorch.recursion.fallback.scan import first_order_scan_

ROUNDS = (6, 4, 4)
"""Rounds before the first, second and third look at whether a choice still changed; then as many again as ever."""


def looks(samples: int) -> Iterator[int]:
    """Rounds between looks, each of which is a wait for the device; ``samples`` of them settle everything."""
    done = 0
    while done < samples:
        yield from ROUNDS if not done else (done,)
        done += done or sum(ROUNDS)


class _Smoother:
    """The recursion over rows with any choices, from what does not depend on them."""

    def __init__(self, x: Tensor, attack: Tensor, release: Tensor, start: Tensor) -> None:
        self.x, self.coefficients, self.start = x, (attack, release), start
        self.driven = (1 - attack) * x, (1 - release) * x

    def levels(self, rising: Tensor) -> Tensor:
        c, u = torch.where(rising, *self.coefficients), torch.where(rising, *self.driven)
        u[..., :1].addcmul_(c[..., :1], self.start)
        return first_order_scan_(c, u)

    def choices(self, levels: Tensor) -> Tensor:
        return self.x > torch.cat([self.start, levels[..., :-1]], -1)


def _wide(batch_shape: tuple[int, ...], x: Tensor, *others: Tensor) -> list[Tensor]:
    dtype = widest(x.device)
    return [x.to(dtype).expand(*batch_shape, x.shape[-1]), *(t.to(dtype) for t in others)]


def attack_release_levels(x: Tensor, attack: Tensor, release: Tensor, zi: Tensor) -> Tensor:
    """Levels in float64 where the device has it; arguments as in ``ops.attack_release``, all (..., T) or (..., 1).

    Guess where the level rises, solve the linear recursion, look again. A guess right up to sample t gives the level
    right up to t, hence the choice at t + 1: each round settles at least one sample more. Music settles in 6 to 14
    rounds whatever its length (the largest of all choices is Howard's policy iteration, which is monotone).

    References:
        R. A. Howard, "Dynamic Programming and Markov Processes", MIT Press, 1960.
    """
    batch_shape = broadcast_shape(x.shape[:-1], attack.shape[:-1], release.shape[:-1], zi.shape[:-1])
    x, attack, release, zi = _wide(batch_shape, x, attack, release, zi)
    if not x.numel():
        return x
    smoother, levels = _Smoother(x, attack, release, zi.expand(*batch_shape, 1)), x
    rising = smoother.choices(x)
    for rounds in looks(x.shape[-1]):
        before = rising
        for _ in range(rounds):
            levels = smoother.levels(rising)
            before, rising = rising, smoother.choices(levels)
        if torch.equal(before, rising):
            break
    return levels


def attack_release_adjoint(
    grad_y: Tensor, grad_zf: Tensor, x: Tensor, attack: Tensor, release: Tensor, zi: Tensor, y: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of x, attack, release and zi, in the batch shape of all; y is the output, of x's precision.

    The choices that y makes are right but where x and level are one to that precision, and one round mends these.
    """
    batch_shape, samples = y.shape[:-1], y.shape[-1]
    x, up, down, start, g, end = _wide(batch_shape, x, attack, release, zi, grad_y, grad_zf)
    start = start.expand(*batch_shape, 1)
    smoother = _Smoother(x, up, down, start)
    rising = smoother.choices(smoother.levels(smoother.choices(y.to(x.dtype))))
    before = torch.cat([start, smoother.levels(rising)[..., :-1]], -1)
    c = torch.where(rising, up, down)
    # In reversed time the coefficient is the one that stood at the later sample.
    g = g.expand(*batch_shape, samples).flip(-1).contiguous()
    g[..., :1] += end
    later = torch.cat([torch.zeros_like(start), c[..., 1:].flip(-1)], -1)
    g = first_order_scan_(later, g).flip(-1)
    slope = g * (before - x)
    to_attack = torch.where(rising, slope, 0.0)
    to_release = slope - to_attack
    carried = c * g
    return (
        g - carried,
        to_attack if attack.shape[-1] == samples else to_attack.sum(-1, keepdim=True),
        to_release if release.shape[-1] == samples else to_release.sum(-1, keepdim=True),
        carried[..., :1],
    )
