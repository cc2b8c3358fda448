"""Closed loops and solves, one point at a time, differentiable by torch itself."""

from __future__ import annotations

import torch
from torch import Tensor


def solve(matrix: Tensor, rhs: Tensor) -> Tensor:
    """The x with ``matrix x = rhs`` at each point: matrix (..., N, N, M), rhs (..., N, K, M)."""
    return torch.stack([torch.linalg.solve(matrix[..., m], rhs[..., m]) for m in range(rhs.shape[-1])], -1)


def closed_loop(left: Tensor, matrix: Tensor, right: Tensor, rhs: Tensor) -> Tensor:
    """The y with ``(I - diag(left) matrix diag(right)) y = rhs``: left, right (..., N, M), matrix (..., N, N)."""
    identity = torch.eye(matrix.shape[-1], dtype=rhs.dtype)
    points = []
    for m in range(rhs.shape[-1]):
        open_loop = left[..., m].diag_embed() @ matrix.to(rhs.dtype) @ right[..., m].diag_embed()
        points.append(torch.linalg.solve(identity - open_loop, rhs[..., m]))
    return torch.stack(points, -1)
