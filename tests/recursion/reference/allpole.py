"""All-pole, direct-form and one-pole filters, one sample at a time, differentiable by torch itself."""

from __future__ import annotations

import torch
from torch import Tensor


def allpole(x: Tensor, a: Tensor, zi: Tensor, time_varying: bool) -> tuple[Tensor, Tensor]:
    """``y[t] = x[t] - sum_i a[t, i] y[t - i]``; zi and zf (..., N), most recent first."""
    past = zi
    y = []
    for t in range(x.shape[-1]):
        now = x[..., t] - ((a[..., t, :] if time_varying else a) * past).sum(-1)
        past = torch.cat([now.unsqueeze(-1), past.expand(*now.shape, -1)[..., :-1]], dim=-1)
        y.append(now)
    return torch.stack(y, dim=-1), past


def lfilter(x: Tensor, b: Tensor, a: Tensor, zi: Tensor, time_varying: bool) -> tuple[Tensor, Tensor]:
    """Transposed direct form 2, as scipy.signal.lfilter; b and a of one length, a[0] = 1; zi and zf (..., M)."""
    state = list(zi.unbind(-1))
    order = len(state)
    y = []
    for t in range(x.shape[-1]):
        p, q = (b[..., t, :], a[..., t, :]) if time_varying else (b, a)
        now = p[..., 0] * x[..., t] + state[0]
        for m in range(order):
            later = state[m + 1] if m + 1 < order else 0.0
            state[m] = later + p[..., m + 1] * x[..., t] - q[..., m + 1] * now
        y.append(now)
    return torch.stack(y, dim=-1), torch.stack(state, dim=-1)


def one_pole(x: Tensor, coef: Tensor, zi: Tensor, time_varying: bool) -> tuple[Tensor, Tensor]:
    """``y[t] = (1 - c[t]) x[t] + c[t] y[t - 1]``; zi and zf (...)."""
    now = zi
    y = []
    for t in range(x.shape[-1]):
        c = coef[..., t] if time_varying else coef
        now = (1.0 - c) * x[..., t] + c * now
        y.append(now)
    return torch.stack(y, dim=-1), now
