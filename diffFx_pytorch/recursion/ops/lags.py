"""Sums and products of a signal with its own past: the equations of the all-pole recursion and of its derivatives.

Coefficients are (..., T or 1, N): those of every sample, or one set for all; lag i has coefficient i - 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from diffFx_pytorch.kernels.rows import broadcast_shape


def with_past(y: Tensor, zi: Tensor) -> Tensor:
    """(..., N + T): the past zi, most recent first, turned round, then the signal; differentiable."""
    batch_shape = broadcast_shape(y.shape[:-1], zi.shape[:-1])
    past = zi.flip(-1).to(y.dtype)
    return torch.cat([past.expand(*batch_shape, -1), y.expand(*batch_shape, -1)], dim=-1)


def lagged_sum(c: Tensor, y: Tensor, zi: Tensor) -> Tensor:
    """``sum_i c[t, i] y[t - i]`` over lags 1 to N; differentiable."""
    order, samples = c.shape[-1], y.shape[-1]
    past = with_past(y, zi)
    total = torch.zeros((), dtype=y.dtype, device=y.device)
    for i in range(1, order + 1):
        total = total + c[..., i - 1] * past[..., order - i : order - i + samples]
    return total


def lagged_sum_adjoint(g: Tensor, c: Tensor) -> Tensor:
    """The adjoint of :func:`lagged_sum` in the past and the signal: (..., N + T), oldest first; differentiable."""
    order = c.shape[-1]
    total = torch.zeros((), dtype=g.dtype, device=g.device)
    for i in range(1, order + 1):
        total = total + torch.nn.functional.pad(g * c[..., i - 1].conj(), (order - i, i))
    return total


def lag_products(g: Tensor, v: Tensor, zi: Tensor, time_varying: bool) -> Tensor:
    """``g[t] conj(v[t - i])`` over lags 1 to N: (..., T, N), or its sum over time (..., 1, N); differentiable."""
    samples, order = g.shape[-1], zi.shape[-1]
    past = with_past(v, zi).conj()
    lags = (g * past[..., order - i : order - i + samples] for i in range(1, order + 1))
    return torch.stack(
        list(lags) if time_varying else [lag.sum(-1, keepdim=True, dtype=zi.dtype) for lag in lags], dim=-1
    )
