"""Closed loops and solves by torch's own batched solver."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def solve(matrix: Tensor, rhs: Tensor) -> Tensor:
    """The x with ``matrix x = rhs`` at each point, NaN where there is none: (..., N, N, M), (..., N, K, M)."""
    lead = torch.broadcast_shapes(matrix.shape[:-3], rhs.shape[:-3])
    points = max(matrix.shape[-1], rhs.shape[-1]) if 0 not in (matrix.shape[-1], rhs.shape[-1]) else 0
    A, b = (t.expand(*lead, *t.shape[-3:-1], points).movedim(-1, -3) for t in (matrix, rhs))
    x, info = torch.linalg.solve_ex(A, b)
    return torch.where((info == 0)[..., None, None], x, math.nan).movedim(-3, -1)


def closed_loop(left: Tensor | None, matrix: Tensor, right: Tensor | None, rhs: Tensor) -> Tensor:
    """The y with ``(I - diag(left) matrix diag(right)) y = rhs`` at each point."""
    open_loop = matrix.unsqueeze(-1)
    if left is not None:
        open_loop = left.unsqueeze(-2) * open_loop
    if right is not None:
        open_loop = open_loop * right.unsqueeze(-3)
    identity = torch.eye(matrix.shape[-1], dtype=rhs.dtype, device=rhs.device).unsqueeze(-1)
    return solve(identity - open_loop, rhs)


def constant_product(matrix: Tensor, x: Tensor) -> Tensor:
    """A matrix (..., N, N), real or complex, the same at every point, times x (..., N, K, M)."""
    if matrix.is_complex():
        return (matrix @ x.flatten(-2)).unflatten(-1, x.shape[-2:])
    parts = torch.view_as_real(x.resolve_conj().contiguous())
    return torch.view_as_complex((matrix @ parts.flatten(-3)).unflatten(-1, parts.shape[-3:]))


def closed_loop_gradients(
    left: Tensor | None, matrix: Tensor, right: Tensor | None, y: Tensor, z: Tensor
) -> tuple[Tensor | None, Tensor, Tensor | None]:
    """Gradients to left, matrix and right, not summed over broadcast dimensions, from the adjoint solution z."""
    u = z if left is None else z * left.conj().unsqueeze(-2)
    v = y if right is None else y * right.unsqueeze(-2)
    grad_left = None if left is None else (z * constant_product(matrix, v).conj()).sum(-2)
    grad_right = None if right is None else (y.conj() * constant_product(matrix.mH, u)).sum(-2)
    grad_matrix = u.flatten(-2) @ v.flatten(-2).mH
    return grad_left, grad_matrix if matrix.is_complex() else grad_matrix.real, grad_right
