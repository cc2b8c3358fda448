"""Second-order sections in eager torch operations, for devices without a kernel; differentiable to any order.

Each section is s[t] = M[t] s[t-1] + N[t] x[t], y[t] = C[t] s[t-1] + D[t] x[t] with two states. Time is cut into about
sqrt(T) pieces that run side by side from silence, together with the products of their M; then the states at their
borders follow one from another. So about 2 sqrt(T) operations are launched, not T. All in float64: in float32 the
products of M would lose everything for poles near the unit circle.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sections_matrices(coef: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """M (..., 2, 2), N (..., 2), C (..., 2), D (...) of transposed direct form 2, from b0 b1 b2 a1 a2 (..., 5)."""
    b0, b1, b2, a1, a2 = coef.unbind(-1)
    zero, one = torch.zeros_like(a1), torch.ones_like(a1)
    M = torch.stack([torch.stack([-a1, one], -1), torch.stack([-a2, zero], -1)], -2)
    return M, torch.stack([b1 - a1 * b0, b2 - a2 * b0], -1), torch.stack([one, zero], -1), b0


def svf_matrices(coef: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """M (..., 2, 2), N (..., 2), C (..., 2), D (...) of the state variable filter, from g r h b l (..., 5)."""
    g, r, h, b, low = coef.unbind(-1)
    d = 1 / (1 + g * (g + r))
    a2, a3 = g * d, g * g * d
    M = torch.stack([torch.stack([2 * d - 1, -2 * a2], -1), torch.stack([2 * a2, 1 - 2 * a3], -1)], -2)
    m1, m2 = b - r * h, low - h
    C = torch.stack([m1 * d + m2 * a2, -m1 * a2 + m2 * (1 - a3)], -1)
    return M, torch.stack([2 * a2, 2 * a3], -1), C, h + m1 * a2 + m2 * a3


def linear_states(M: Tensor, v: Tensor, s: Tensor) -> Tensor:
    """The states before each sample and after the last, (R, T + 1, n), of s[t] = M[t] s[t-1] + v[t].

    M is (R, T, n, n), or (R, 1, n, n) when constant; v is (R, T, n); s is (R, n).
    """
    R, T, n = v.shape
    steps = max(1, math.isqrt(T))
    pieces = -(-T // steps)
    pad = pieces * steps - T
    v = torch.nn.functional.pad(v, (0, 0, 0, pad)).reshape(R, pieces, steps, n)
    if M.shape[1] != 1:
        M = torch.nn.functional.pad(M, (0, 0, 0, 0, 0, pad)).reshape(R, pieces, steps, n, n)
    else:
        M = M[:, :, None].expand(R, 1, steps, n, n)
    product, state = M[:, :, 0], v[:, :, 0]
    products, states = [product], [state]
    for i in range(1, steps):
        product = M[:, :, i] @ product
        state = (M[:, :, i] @ state[..., None])[..., 0] + v[:, :, i]
        products.append(product)
        states.append(state)
    borders = [s]
    for p in range(pieces - 1):
        whole = products[-1][:, min(p, M.shape[1] - 1)]
        borders.append((whole @ borders[-1][..., None])[..., 0] + states[-1][:, p])
    start = torch.stack(borders, 1)[:, :, None]
    after = (torch.stack(products, 2) @ start[..., None])[..., 0] + torch.stack(states, 2)
    return torch.cat([s[:, None], after.reshape(R, pieces * steps, n)[:, :T]], 1)


def cascade(x: Tensor, M: Tensor, N: Tensor, C: Tensor, D: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """Run K sections in series.

    Args:
        x: (R, T) float64.
        M: (R, T or 1, K, 2, 2).
        N: (R, T or 1, K, 2).
        C: (R, T or 1, K, 2).
        D: (R, T or 1, K).
        zi: (R, K, 2).

    Returns:
        The output (R, T) and the last states (R, K, 2).
    """
    last = []
    for k in range(zi.shape[1]):
        states = linear_states(M[:, :, k], N[:, :, k] * x[..., None], zi[:, k])
        x = (C[:, :, k] * states[:, :-1]).sum(-1) + D[:, :, k] * x
        last.append(states[:, -1])
    return x, torch.stack(last, 1) if last else zi
