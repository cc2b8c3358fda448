"""First-order linear recursion in eager torch, in some log2(T) vector steps."""

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


def first_order_scan_(c: Tensor, u: Tensor) -> Tensor:
    """``y[t] = c[t] y[t-1] + u[t]`` from silence, in place of ``u`` and with ``c`` overwritten; no derivatives.

    Pairs of neighbours become one step each, those pairs again, and on the way back every second sample follows from
    the one before it: some 3 log2(T) operations, which together touch the signal about three times.

    References:
        R. P. Brent, H. T. Kung, "A regular layout for parallel adders", IEEE Trans. Computers C-31(3), 1982.
    """
    if u.shape[-1] > 1:
        odd, even = slice(1, None, 2), slice(0, u.shape[-1] // 2 * 2, 2)
        u[..., odd].addcmul_(c[..., odd], u[..., even])
        c[..., odd].mul_(c[..., even])
        first_order_scan_(c[..., odd], u[..., odd])
        between = slice(1, (u.shape[-1] + 1) // 2 * 2 - 2, 2)
        u[..., 2::2].addcmul_(c[..., 2::2], u[..., between])
    return u
