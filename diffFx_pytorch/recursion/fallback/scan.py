"""First-order linear recursion in eager torch, in log2(T) vector steps."""

from __future__ import annotations

import torch
from torch import Tensor


def first_order_scan(c: Tensor, u: Tensor, initial: Tensor) -> Tensor:
    """``y[t] = c[t] y[t-1] + u[t]`` by doubling: after step k every output has absorbed its last 2^k inputs.

    Stable wherever ``|c| <= 1``; costs log2(T) passes over the signal, and is differentiable by autograd.

    Args:
        c: coefficients (..., T).
        u: input (..., T).
        initial: ``y[-1]``, (..., 1).

    Returns:
        ``y``, of the broadcast shape (..., T).

    References:
        W. D. Hillis and G. L. Steele, "Data parallel algorithms", CACM 29(12), 1986.
    """
    c, u = torch.broadcast_tensors(c, u)
    if u.shape[-1] == 0:
        return u
    u = torch.cat([u[..., :1] + c[..., :1] * initial, u[..., 1:]], -1)
    c = torch.cat([torch.zeros_like(c[..., :1]), c[..., 1:]], -1)
    reach = 1
    while reach < u.shape[-1]:
        u = torch.cat([u[..., :reach], u[..., reach:] + c[..., reach:] * u[..., :-reach]], -1)
        c = torch.cat([c[..., :reach], c[..., reach:] * c[..., :-reach]], -1)
        reach *= 2
    return u
