"""Second-order sections one sample at a time, as on paper: slow, obvious, differentiable."""

from __future__ import annotations

import torch
from torch import Tensor


def _at(coef: Tensor, t: int, time_varying: bool) -> tuple[Tensor, ...]:
    return (coef[..., t, :, :] if time_varying else coef).unbind(-1)


def sosfilt_loop(x: Tensor, sos: Tensor, zi: Tensor, time_varying: bool) -> tuple[Tensor, Tensor]:
    """Output (..., T) and last states (..., K, 2) of sections in transposed direct form 2.

    Args:
        x: (..., T).
        sos: (..., K, 6), or (..., T, K, 6) time-varying.
        zi: (..., K, 2).
        time_varying: whether ``sos`` has a time axis.
    """
    s1, s2 = (list(s.unbind(-1)) for s in zi.unbind(-1))
    out = []
    for t in range(x.shape[-1]):
        b0, b1, b2, a0, a1, a2 = _at(sos, t, time_varying)
        u = x[..., t]
        for k in range(len(s1)):
            y = b0[..., k] / a0[..., k] * u + s1[k]
            s1[k] = b1[..., k] / a0[..., k] * u - a1[..., k] / a0[..., k] * y + s2[k]
            s2[k] = b2[..., k] / a0[..., k] * u - a2[..., k] / a0[..., k] * y
            u = y
        out.append(u)
    return torch.stack(out, -1), torch.stack([torch.stack(s1, -1), torch.stack(s2, -1)], -1)


def svfilt_loop(x: Tensor, svf: Tensor, zi: Tensor, time_varying: bool) -> tuple[Tensor, Tensor]:
    """Output (..., T) and last states (..., K, 2) of state variable sections [g r h b l], arguments as above."""
    s1, s2 = (list(s.unbind(-1)) for s in zi.unbind(-1))
    out = []
    for t in range(x.shape[-1]):
        g, r, h, b, low = _at(svf, t, time_varying)
        u = x[..., t]
        for k in range(len(s1)):
            v1 = (s1[k] + g[..., k] * (u - s2[k])) / (1 + g[..., k] * (g[..., k] + r[..., k]))
            v2 = s2[k] + g[..., k] * v1
            s1[k], s2[k] = 2 * v1 - s1[k], 2 * v2 - s2[k]
            u = h[..., k] * (u - r[..., k] * v1 - v2) + b[..., k] * v1 + low[..., k] * v2
        out.append(u)
    return torch.stack(out, -1), torch.stack([torch.stack(s1, -1), torch.stack(s2, -1)], -1)
