"""Linear recursions of first and second order in eager torch, in some log2(T) vector steps."""

from __future__ import annotations

import torch
from torch import Tensor

from diffFx_pytorch.kernels.precision import has_float64


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


SPAN = 4
"""Doublings after which float32 matrices become float64 ones: by then they are few, and stand for many samples."""


def second_order_scan_(e: Tensor, backwards: bool = False, span: int = SPAN) -> Tensor:
    """``s[t] = (I + M[t]) s[t-1] + v[t]`` from silence, in place, as `first_order_scan_`; no derivatives.

    Matrices are given and multiplied less the identity: near 0 Hz all that matters is in the last digits of the whole.

    Args:
        e: (..., 2, 2 + P, T), M in the first two columns and in each other one a signal v. It is overwritten.
        backwards: whether time runs from the last sample to the first, ``s[t]`` from ``s[t+1]``.
        span: doublings until the precision becomes that of float64, if it is not.

    Returns:
        The states (..., 2, P, T), a part of ``e``.
    """
    T = e.shape[-1]
    if not span and e.dtype == torch.float32 and has_float64(e.device):
        e[..., 2:, :] = second_order_scan_(e.double(), backwards)
    elif T > 1:
        # Of each pair the second, which takes in the first; then, of those but the first pair, the first.
        if backwards:
            second, first, rest = slice(T % 2, T - 1, 2), slice(T % 2 + 1, T, 2), slice((T + 1) % 2, T - 2, 2)
            known = slice((T + 1) % 2, None)
        else:
            second, first, rest = slice(1, T, 2), slice(0, T // 2 * 2, 2), slice(2, T, 2)
            known = slice(0, (T - 1) // 2)
        pairs = e[..., second]
        pairs.add_(through(pairs, e[..., first]))
        second_order_scan_(pairs, backwards, span - 1)
        e[..., 2:, rest].add_(through(e[..., rest], pairs[..., 2:, known]))
    return e[..., 2:, :]


def through(e: Tensor, s: Tensor) -> Tensor:
    """(I + M) s for M in the first two columns of e (..., 2, n, T) and s (..., 2, m, T)."""
    found = torch.addcmul(s, e[..., :, 0:1, :], s[..., 0:1, :, :])
    return found.addcmul_(e[..., :, 1:2, :], s[..., 1:2, :, :])


def vector_scan_(M: Tensor, v: Tensor) -> Tensor:
    """``s[t] = M[t] s[t-1] + v[t]`` from silence, in place of ``v`` and with ``M`` overwritten; no derivatives.

    As `first_order_scan_`, and without copies of matrices where T is a power of two.

    Args:
        M: (R, T, n, n).
        v: (R, T, n, 1).
    """
    T = M.shape[1]
    if T > 1:
        first, second = slice(0, T // 2 * 2, 2), slice(1, None, 2)
        pairs, pair_v = M[:, second], v[:, second]
        pair_v.add_(pairs @ v[:, first])
        pairs.copy_(pairs @ M[:, first])
        vector_scan_(pairs, pair_v)
        v[:, 2::2].add_(M[:, 2::2] @ pair_v[:, : (T - 1) // 2])
    return v
