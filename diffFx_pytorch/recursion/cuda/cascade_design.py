"""What a constant cascade of biquads does to a block of samples: matrices, designed in float64, differentiable.

A cascade of K biquads is one system of n = 2 K states, s <- F s + b x, y = c s + D x. Of a block u of L samples that
begins at s the output is H u + O s, with H lower triangular of the impulse response and O the rows c F^i. The end is
F^L s + C u, with C the columns F^(L - 1 - i) b.

The states of a biquad, s1 and s2 of transposed direct form 2, are as good as parallel for poles near 1 or -1; here they
are s1 and (s1 + s2) / theta, or (s1 - s2) / theta where the poles are nearer to -1, with theta the square root of the
denominator there: for poles at low frequencies that is close to a rotation, and products of float32 numbers lose
nothing. No filter is too odd for this form: unstable ones have it too.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from torch import Tensor


class Coordinates(NamedTuple):
    """The states of a cascade in terms of those of transposed direct form 2, (..., K, 2)."""

    sign: Tensor
    theta: Tensor

    def of(self, zi: Tensor) -> Tensor:
        """(..., 2 K)."""
        moved = (zi[..., 0] + self.sign * zi[..., 1]) / self.theta
        return torch.stack([zi[..., 0].expand(moved.shape), moved], -1).flatten(-2)

    def back(self, states: Tensor) -> Tensor:
        """(..., K, 2)."""
        p, q = states.unflatten(-1, (-1, 2)).unbind(-1)
        return torch.stack([p, self.sign * (self.theta * q - p)], -1)

    def adjoint_of(self, grad: Tensor) -> Tensor:
        """The gradient of what `of` was given."""
        p, q = grad.unflatten(-1, (-1, 2)).unbind(-1)
        q = q / self.theta
        return torch.stack([p + q, self.sign * q], -1)

    def adjoint_back(self, grad: Tensor) -> Tensor:
        """The gradient of what `back` was given."""
        moved = self.sign * grad[..., 1]
        return torch.stack([grad[..., 0] - moved, self.theta * moved], -1).flatten(-2)


class Blocks(NamedTuple):
    """The matrices of a block: h (..., L), O (..., L, n), C (..., n, L), F^L and F^r (..., n, n)."""

    h: Tensor
    out: Tensor
    into: Tensor
    whole: Tensor
    rest: Tensor


def block_matrices(sos: Tensor, at: Coordinates, doublings: int, rest: int) -> Blocks:
    """Of sections (..., K, 6) in float64, for L = 2 ** doublings samples, and F^rest with rest at most L."""
    b0, b1, b2, a0, a1, a2 = sos.unbind(-1)
    b0, b1, b2, a1, a2 = b0 / a0, b1 / a0, b2 / a0, a1 / a0, a2 / a0
    sign, theta = at
    edge = 1 + sign * a1 + a2
    own = torch.stack([sign * (a2 - edge), sign * theta, -sign * edge / theta, sign], -1).unflatten(-1, (2, 2))
    first = b1 - a1 * b0
    drive = torch.stack([first, (first + sign * (b2 - a2 * b0)) / theta], -1)  # (..., K, 2)
    K = b0.shape[-1]
    order = torch.arange(K, device=sos.device)
    later = order[:, None] > order  # (i, j): section i comes after j
    ones = torch.ones_like(b0).unsqueeze(-2)
    # How much of section j's state reaches the input of section i: the gains b0 between.
    between = torch.where(later, b0.unsqueeze(-1), 1.0).cumprod(-2)
    reach = torch.cat([ones, between[..., :-1, :]], -2) * later
    eye = torch.eye(K, dtype=sos.dtype, device=sos.device)
    blocks = eye[:, None, :, None] * own.unsqueeze(-2)  # (..., K, 2, K, 2)
    coupled = drive[..., :, :, None] * reach.unsqueeze(-2)  # (..., K, 2, K)
    F = blocks + torch.stack([coupled, torch.zeros_like(coupled)], -1)
    F = F.flatten(-2).flatten(-3, -2)
    before = torch.cat([ones.squeeze(-2)[..., :1], b0[..., :-1].cumprod(-1)], -1)
    b = (drive * before.unsqueeze(-1)).flatten(-2)
    after = between[..., -1, :]
    c = torch.stack([after, torch.zeros_like(after)], -1).flatten(-2)
    out, into, power, powers = c.unsqueeze(-2), b.unsqueeze(-1), F, []
    for _ in range(doublings):
        powers.append(power)
        out, into = torch.cat([out, out @ power], -2), torch.cat([power @ into, into], -1)
        power = power @ power
    h = torch.cat([b0.prod(-1, keepdim=True), (out[..., :-1, :] @ b.unsqueeze(-1)).squeeze(-1)], -1)
    return Blocks(h, out, into, power, power_of([*powers, power], rest))


def power_of(doubled: list[Tensor], exponent: int) -> Tensor:
    """A matrix to the power of an exponent from 1 up, from its powers of 1, 2, 4, ..."""
    factors = [p for i, p in enumerate(doubled) if exponent >> i & 1]
    return functools.reduce(torch.matmul, factors)
