"""All-passes in a loop, in eager torch operations.

Everything is a linear form of the states before a sample and of its input. Where nothing moves that is a system like
any other, whose blocks are products (`block`); what moves is the affair of `moving_loop`, where nobody asks for
derivatives of its steps.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .block import Blocks, run_blocks, run_blocks_adjoint, state_space_blocks
from .sections import linear_states


def _matrices(coef: Tensor, count: int) -> Tensor:
    """The new states of the old ones and of the input, which stands last, (R, T or 1, count, count + 1)."""
    stages = count - 2
    b, g, *outer = (c.squeeze(-2) for c in coef.split(1, -1))  # (R, T or 1, 1)
    c, *outer_c = (torch.sqrt((1 - k) * (1 + k)) for k in (b, *outer))
    unit = torch.eye(count + 1, dtype=coef.dtype, device=coef.device)
    signal = unit[-1] + g * unit[stages]
    new_state = []
    for k in range(0, stages, 1 + len(outer)):
        inner, after = signal, signal
        for d, e in zip(outer, outer_c, strict=True):
            inner, after = d * unit[k + 1] + e * signal, e * unit[k + 1] - d * signal
        new_state.append(b * unit[k] + c * inner)
        turned = c * unit[k] - b * inner
        new_state += [turned] * len(outer)
        signal = after if outer else turned
    new_state += [signal, unit[count - 1].expand(signal.shape)]
    return torch.stack(new_state, -2)


def differentiable_loop(x: Tensor, coef: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """Output and last states of coefficients that move, over rows; differentiable to any order.

    Args:
        x: (R, T) float64.
        coef: (R, T or 1, 1, 2): b and g; or (R, T or 1, 1, 3): b1, g and b2 of second-order stages.
        zi: (R, K, 2): states of 2 K - 2 stages, or both of K - 1 of second order, last output, one unused.

    Returns:
        u + v (R, T) and the states after the last sample (R, K, 2).
    """
    count = 2 * zi.shape[1]
    system = _matrices(coef, count)
    states = linear_states(system[..., :-1], system[..., -1] * x.unsqueeze(-1), zi.flatten(1))
    last = states[:, :, count - 2]
    return x + coef[..., 0, 1] * last[:, :-1] + last[:, 1:], states[:, -1].reshape(zi.shape)


def _blocks(coef: Tensor, count: int, samples: int) -> Blocks:
    """Of Q constant loops (Q, 1, 2 or 3)."""
    system = _matrices(coef[:, None], count).squeeze(1)
    A, b = system[..., :-1], system[..., -1]
    unit = torch.eye(count, dtype=A.dtype, device=A.device)
    c = coef[:, 0, 1:2] * unit[count - 2] + A[:, count - 2]
    return state_space_blocks(A - unit, b, c, 1 + b[:, count - 2], samples)


def constant_loop(x: Tensor, coef: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """Output (Q, P, T) and last states of constant loops: x (Q, P, T), coef (Q, 1, 2 or 3), zi (Q, P, K, 2)."""
    y, end = run_blocks(x, _blocks(coef, 2 * zi.shape[-2], x.shape[-1]), zi.flatten(-2))
    return y, end.reshape(zi.shape)


def constant_loop_adjoint(
    grad_y: Tensor, grad_zf: Tensor, x: Tensor, coef: Tensor, zi: Tensor, of_coef: bool
) -> tuple[Tensor | None, Tensor | None, Tensor]:
    """The gradients of `constant_loop`: of x, of coef if asked for, and of zi."""

    def designed(coef: Tensor) -> tuple[Tensor, ...]:
        return tuple(_blocks(coef, 2 * zi.shape[-2], x.shape[-1]))

    matrices, pull = torch.func.vjp(designed, coef)[:2]
    start, end = zi.flatten(-2), grad_zf.flatten(-2)
    to_x, of_matrices, to_zi = run_blocks_adjoint(grad_y, end, x, Blocks(*matrices), start, of_coef)
    of_given: Any = None if of_matrices is None else pull(tuple(of_matrices))
    return to_x, None if of_given is None else of_given[0], to_zi.reshape(zi.shape)
