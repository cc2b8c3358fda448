"""Second-order sections in eager torch operations, for devices without a kernel.

Each section is s[t] = (I + M[t]) s[t-1] + N[t] x[t], y[t] = C[t] s[t-1] + D[t] x[t] with two states.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .block import Blocks, run_blocks, run_blocks_adjoint, state_space_blocks


class Sections(NamedTuple):
    """Sections s' = (I + M) s + N x, y = C s + D x, in coordinates s = change z of the states z that users see."""

    M: Tensor
    """(..., 2, 2), less the identity: near 0 Hz all that matters is in the last digits of the whole."""
    N: Tensor
    """(..., 2)."""
    C: Tensor
    """(..., 2)."""
    D: Tensor
    """(...)."""
    change: Tensor | None = None
    """(..., 2, 2), a constant of the derivative; None is the identity."""


def sections_matrices(coef: Tensor) -> Sections:
    """Transposed direct form 2, from b0 b1 b2 a1 a2 (..., 5)."""
    b0, b1, b2, a1, a2 = coef.unbind(-1)
    zero, one = torch.zeros_like(a1), torch.ones_like(a1)
    M = torch.stack([torch.stack([-a1 - 1, one], -1), torch.stack([-a2, -one], -1)], -2)
    return Sections(M, torch.stack([b1 - a1 * b0, b2 - a2 * b0], -1), torch.stack([one, zero], -1), b0)


def rotation(a1: Tensor, a2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of complex poles k +- j h, k and h, constants of the derivative, and -k (a1 + k) - a2, which is -h**2.

    By differences that lose nothing near 0 Hz and Nyquist. Real poles get an h that is as good a scale.
    """
    k = -0.5 * a1.detach()
    lean, towards = 1 - k.abs(), k.sign() * a1 + 1
    turn = torch.addcmul(-a2 - towards, lean, towards - lean + 1)
    return k, torch.addcmul(turn.detach().abs() + 1e-12, lean, lean).sqrt(), turn


def rotating_matrices(coef: Tensor) -> Sections:
    """Constant sections from b0 b1 b2 a1 a2 (..., 5), in coordinates in which complex poles k +- j h rotate.

    The second state is (k s1 + s2) / h, and the matrix [[k, h], [-h, k]]. Other poles are no rotation, but as well
    conditioned. Direct forms are not: their two states are nearly one at low frequencies.
    """
    b0, _, _, a1, a2 = coef.unbind(-1)
    k, h, turn = rotation(a1, a2)
    unit = torch.eye(2, dtype=h.dtype, device=h.device)
    one, zero = unit[0].expand(*h.shape, 2).unbind(-1)
    change = torch.stack([one, zero, k / h, 1 / h], -1).unflatten(-1, (2, 2))
    M = torch.stack([-1 - k - a1, h, turn / h, k - 1], -1).unflatten(-1, (2, 2))
    return Sections(M, _driven(coef, k, h), unit[0].expand(*h.shape, 2), b0, change)


def _driven(coef: Tensor, k: Tensor, h: Tensor) -> Tensor:
    b0, b1, b2, a1, a2 = coef.unbind(-1)
    n1, n2 = torch.addcmul(b1, a1, b0, value=-1), torch.addcmul(b2, a2, b0, value=-1)
    return torch.stack([n1, torch.addcmul(n2, k, n1) / h], -1)


def rotating_input(coef: Tensor) -> Tensor:
    """N (..., 2) alone of `rotating_matrices`."""
    return _driven(coef, *rotation(*coef[..., 3:].unbind(-1))[:2])


def moving_rotating_matrices(coef: Tensor) -> Sections:
    """Time-varying sections (..., 1 + T, 5) from the second sample on, in the coordinates of each sample.

    The states go from the coordinates k', h' of the sample before to those of the sample itself.
    """
    k, h, _ = rotation(*coef[..., 3:].unbind(-1))
    now = coef[..., 1:, :]
    a1, a2 = now[..., 3:].unbind(-1)
    (k_before, k), (h_before, h) = ((t[..., :-1], t[..., 1:]) for t in (k, h))
    less = -k_before - a1
    M = torch.stack([less - 1, h_before, torch.addcmul(-a2, k, less) / h, k * h_before / h - 1], -1)
    unit = torch.eye(2, dtype=h.dtype, device=h.device)[0]
    return Sections(M.unflatten(-1, (2, 2)), _driven(now, k, h), unit.expand(*h.shape, 2), now[..., 0])


def svf_matrices(coef: Tensor) -> Sections:
    """The state variable filter, from g r h b l (..., 5); its states are well conditioned as they are."""
    g, r, h, b, low = coef.unbind(-1)
    damped = g + r
    d = (1 + g * damped).reciprocal()
    a2 = g * d
    N = 2 * torch.stack([a2, g * a2], -1)
    less = -N
    M = torch.stack([damped * less[..., 0], less[..., 0], N[..., 0], less[..., 1]], -1).unflatten(-1, (2, 2))
    m1, m2 = torch.addcmul(b, r, h, value=-1), low - h
    c = torch.addcmul(m1, g, m2) * d
    through = g * c
    return Sections(M, N, torch.stack([c, m2 - through], -1), h + through)


def svf_input(coef: Tensor) -> Tensor:
    """N (..., 2) alone of `svf_matrices`."""
    g, r = coef[..., :2].unbind(-1)
    a2 = 2 * g / (1 + g * (g + r))
    return torch.stack([a2, g * a2], -1)


def _in_series(sections: Sections) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sections (Q, K, ...) as one system of n = 2 K states: A - I (Q, n, n), b (Q, n), c (Q, n), d (Q,)."""
    M, N, C, D, _ = sections
    Q, K = D.shape
    unit = torch.eye(K + 1, dtype=D.dtype, device=D.device)
    # What reaches the input of section i, and the output as input K: the signal, and the states of section j - 1.
    reach = torch.linalg.solve_triangular(
        unit - torch.diag_embed(D, offset=-1), unit.expand(Q, -1, -1), upper=False, unitriangular=True
    )
    inputs = reach[:, :, 1:, None] * C[:, None]  # (Q, K + 1, K, 2)
    A = N[:, :, :, None, None] * inputs[:, :K, None]
    A = A + M[:, :, :, None, :] * unit[:K, None, :K, None]
    b = N * reach[:, :K, :1]
    return A.reshape(Q, 2 * K, 2 * K), b.reshape(Q, 2 * K), inputs[:, K].reshape(Q, 2 * K), reach[:, K, 0]


def _changed(z: Tensor, change: Tensor | None, back: bool = False) -> Tensor:
    """States (Q, P, K, 2) in the coordinates (Q, K, 2, 2), or back from there."""
    if change is None:
        return z
    change = change[:, None]
    if back:
        return torch.linalg.solve_triangular(change, z[..., None], upper=False).squeeze(-1)
    return (change * z[..., None, :]).sum(-1)


Design = Callable[[Tensor], Sections]


def constant_cascade(design: Design, x: Tensor, coef: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """Run K constant sections in series, P signals through each of Q cascades.

    Args:
        design: of the sections from their coefficients.
        x: (Q, P, T).
        coef: (Q, K, 5), of the widest precision, as zi.
        zi: (Q, P, K, 2).

    Returns:
        The output (Q, P, T) and the last states (Q, P, K, 2).
    """
    sections = design(coef)
    blocks = state_space_blocks(*_in_series(sections), x.shape[-1])
    y, end = run_blocks(x, blocks, _changed(zi, sections.change).flatten(-2))
    return y, _changed(end.reshape(zi.shape), sections.change, back=True)


def constant_cascade_adjoint(
    design: Design, grad_y: Tensor, grad_zf: Tensor, x: Tensor, coef: Tensor, zi: Tensor, of_coef: bool
) -> tuple[Tensor, Tensor | None, Tensor]:
    """The gradients of `constant_cascade`: of x, of coef if asked for, and of zi."""

    def designed(coef: Tensor) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        sections = design(coef)
        change = [] if sections.change is None else [sections.change]
        return tuple(state_space_blocks(*_in_series(sections), x.shape[-1])), change

    found: Any = torch.func.vjp(designed, coef, has_aux=True)
    matrices, pull, aside = found
    grad_end, change, back = grad_zf, None, None
    if aside:
        change = aside[0]
        back = change.mT
        grad_end = torch.linalg.solve_triangular(back[:, None], grad_zf[..., None], upper=True).squeeze(-1)
    start = _changed(zi, change).flatten(-2)
    grad_x, of_matrices, grad_start = run_blocks_adjoint(
        grad_y, grad_end.flatten(-2), x, Blocks(*matrices), start, of_coef
    )
    assert grad_x is not None
    grad_coef = None if of_matrices is None else pull(tuple(of_matrices))[0]
    return grad_x, grad_coef, _changed(grad_start.reshape(zi.shape), back)


def linear_states(M: Tensor, v: Tensor, s: Tensor) -> Tensor:
    """The states before each sample and after the last, (R, T + 1, n), of s[t] = M[t] s[t-1] + v[t].

    M is (R, T, n, n), or (R, 1, n, n) when constant; v is (R, T, n); s is (R, n). Time is cut into about sqrt(T) pieces
    that run side by side from silence, together with the products of their M; then the states at their borders follow
    one from another. In float32 the products would lose everything for poles near the unit circle.
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


def cascade(x: Tensor, sections: Sections, zi: Tensor) -> tuple[Tensor, Tensor]:
    """Run K sections in series.

    Args:
        x: (R, T), of the precision of all.
        sections: (R, T or 1, K, ...), in the coordinates of the states.
        zi: (R, K, 2).

    Returns:
        The output (R, T) and the last states (R, K, 2).
    """
    M, N, C, D, _ = sections
    if M.shape[1] == 1 and x.shape[1] and zi.shape[1]:
        still = Sections(*(t.squeeze(1) for t in (M, N, C, D)))
        y, end = constant_cascade(lambda _: still, x[:, None], x, zi[:, None])
        return y.squeeze(1), end.squeeze(1)
    last, unit = [], torch.eye(2, dtype=x.dtype, device=x.device)
    for k in range(zi.shape[1]):
        states = linear_states(M[:, :, k] + unit, N[:, :, k] * x[..., None], zi[:, k])
        x = (C[:, :, k] * states[:, :-1]).sum(-1) + D[:, :, k] * x
        last.append(states[:, -1])
    return x, torch.stack(last, 1) if last else zi
