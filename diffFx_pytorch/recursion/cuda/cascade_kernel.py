"""The design of a constant cascade's blocks in one launch: the matrices of `cascade_design`, which has their gradient.

One program takes the sections of a row. What outputs and ends are made of is marched from sample to sample; the powers
of F are products of torch. All of it is float64, and small.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from .cascade_design import Blocks, Coordinates, power_of
from .chunks import padded_states

LEAST = tl.constexpr(1e-6)
"""Of theta: an integrator has its pole at 1 itself."""


class _Made(NamedTuple):
    """Signs and thetas (K), h (L), O (L, N), C (N, L), and F (N, N) of one sample."""

    sign: Tensor
    theta: Tensor
    h: Tensor
    out: Tensor
    into: Tensor
    F: Tensor


@triton.jit
def _design(sos_ptr, to, K, L: tl.constexpr, N: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    i, j, n = tl.arange(0, N)[:, None], tl.arange(0, N)[None, :], tl.arange(0, N)
    F, b, c = tl.zeros((N, N), tl.float64), tl.zeros((N,), tl.float64), tl.zeros((N,), tl.float64)
    d = tl.full((), 1.0, tl.float64)
    for k in range(K):
        at = sos_ptr + (row * K + k) * 6
        a0 = tl.load(at + 3)
        b0, b1, b2 = tl.load(at) / a0, tl.load(at + 1) / a0, tl.load(at + 2) / a0
        a1, a2 = tl.load(at + 4) / a0, tl.load(at + 5) / a0
        sign = tl.where(a1 <= 0, 1.0, -1.0).to(tl.float64)
        edge = 1 + sign * a1 + a2
        theta = tl.maximum(tl.sqrt(tl.abs(edge)), LEAST)
        tl.store(to.sign + row * K + k, sign)
        tl.store(to.theta + row * K + k, theta)
        first = b1 - a1 * b0
        second = (first + sign * (b2 - a2 * b0)) / theta
        # c is what the states so far give to the input of this section, d what the sound gives.
        upper = tl.where(j == 2 * k, sign * (a2 - edge), 0.0) + tl.where(j == 2 * k + 1, sign * theta, 0.0)
        lower = tl.where(j == 2 * k, -sign * edge / theta, 0.0) + tl.where(j == 2 * k + 1, sign, 0.0)
        F += tl.where(i == 2 * k, upper + first * c[None, :], 0.0)
        F += tl.where(i == 2 * k + 1, lower + second * c[None, :], 0.0)
        b += tl.where(n == 2 * k, first * d, 0.0) + tl.where(n == 2 * k + 1, second * d, 0.0)
        c = tl.where(n == 2 * k, 1.0, 0.0) + b0 * c
        d = b0 * d
    o, u = c, b
    tl.store(to.h + row * L, d)
    for s in range(L):
        tl.store(to.out + (row * L + s) * N + n, o)
        tl.store(to.into + (row * N + n) * L + L - 1 - s, u)
        if s + 1 < L:
            tl.store(to.h + row * L + s + 1, tl.sum(o * b, 0))
        o, u = tl.sum(F * o[:, None], 0), tl.sum(F * u[None, :], 1)
    tl.store(to.F + row * (N * N) + i * N + j, F)


def designed(sos: Tensor, doublings: int, rest: int) -> tuple[Coordinates, Blocks]:
    """The coordinates and `block_matrices` of sections (..., K, 6) in float64."""
    *batch, K, _ = sos.shape
    rows, L, N, states = math.prod(batch), 1 << doublings, padded_states(K), 2 * K
    shapes = ((K,), (K,), (L,), (L, N), (N, L), (N, N))
    made = _Made(*(torch.empty(rows, *shape, dtype=torch.float64, device=sos.device) for shape in shapes))
    _design[(rows,)](sos.contiguous(), made, K, L=L, N=N, num_warps=8 if N == 64 else 4, enable_fp_fusion=True)
    sign, theta, h, out, into, F = (t.view(*batch, *t.shape[1:]) for t in made)
    doubled = [F[..., :states, :states]]
    for _ in range(doublings):
        doubled.append(doubled[-1] @ doubled[-1])
    left = power_of(doubled, rest)
    return Coordinates(sign, theta), Blocks(h, out[..., :states], into[..., :states, :], doubled[-1], left)
