"""The solve of a small system at every point of a spectrum, as an operator."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.operator import Kernel, define
from diffFx_pytorch.kernels.rows import broadcast_shape
from diffFx_pytorch.kernels.threads import run_rows

from .layout import COMPLEX, check_shapes, indexed_pairs, pairs, points_of


def solve_eagerly(matrix: Tensor, rhs: Tensor) -> Tensor:
    """The x with ``matrix x = rhs`` at each point, NaN where there is none, by torch's own batched solver."""
    batch = broadcast_shape(matrix.shape[:-3], rhs.shape[:-3])
    A, b = (t.expand(*batch, *t.shape[-3:-1], points_of(matrix, rhs)).movedim(-1, -3) for t in (matrix, rhs))
    x, info = torch.linalg.solve_ex(A, b)
    return torch.where((info == 0)[..., None, None], x, math.nan).movedim(-3, -1)


def _forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    from ..cpu import solve as cpu
    from ..cpu.spectra import pieces

    read = (indexed_pairs(t, 3, batch_shape, outputs.x) for t in inputs)
    count = math.prod(batch_shape) * pieces(outputs.x.shape[-1])
    run_rows(cpu.solve_pieces, count, 1, *read, pairs(outputs.x, 3))


def _backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor]:
    from ..cpu import solve as cpu
    from ..cpu.spectra import pieces

    x, matrix = saved.x, inputs.matrix
    z, to_matrix = torch.empty_like(x), x.new_empty(*batch_shape, *matrix.shape[-3:-1], x.shape[-1] * needs.matrix)
    read = (indexed_pairs(t, 3, batch_shape, x) for t in (matrix, x, grads.x))
    count = math.prod(batch_shape) * pieces(x.shape[-1])
    run_rows(cpu.solve_adjoint_pieces, count, 1, *read, pairs(z, 3), pairs(to_matrix, 3))
    return [to_matrix, z]


_solve = define(
    "lti_solve",
    {"matrix": 3, "rhs": 3},
    {"x": lambda matrix, rhs: ((*rhs.shape[-3:-1], points_of(matrix, rhs)), rhs.dtype)},
    solve_eagerly,
    Kernel(_forward, _backward),
    saves={"matrix": (), "rhs": (), "x": ()},
)
_solve.register(device="cuda", kernel=triton_kernel("diffFx_pytorch.lti.cuda.solve"))


def solve(matrix: Tensor, rhs: Tensor) -> Tensor:
    r"""Return the x with :math:`A_m x_m = b_m` at every point m.

    Gaussian elimination with the points side by side. Rows are exchanged where the pivot is less than a tenth of the
    largest element below it, at those points only. The backward pass eliminates the adjoint matrices anew, which is
    faster than writing factors and reading them again.

    Args:
        matrix: A, (..., N, N, M), complex64 or complex128; M may be 1.
        rhs: b, (..., N, K, M), of the same type; M may be 1. Batch dimensions broadcast.

    Returns:
        x, (..., N, K, M). Where A is singular, x is inf or NaN, and no error is raised.

    Raises:
        TypeError: tensors that are not complex, or of two types.
        ValueError: shapes that do not fit.

    References:
        G. H. Golub and C. F. Van Loan, Matrix Computations, 4th ed., Johns Hopkins 2013, section 3.4 (pivoting).
    """
    for name, t in (("matrix", matrix), ("rhs", rhs)):
        if t.dtype not in COMPLEX or t.dtype != matrix.dtype:
            raise TypeError(f"solve: {name} must be complex64 or complex128 like the other, got {t.dtype}")
    if matrix.dim() < 3 or matrix.shape[-3] != matrix.shape[-2] or rhs.dim() < 3 or rhs.shape[-3] != matrix.shape[-3]:
        raise ValueError(
            f"solve: matrix must be (..., N, N, M) and rhs (..., N, K, M), got {tuple(matrix.shape)} and "
            f"{tuple(rhs.shape)}"
        )
    check_shapes("solve", {"matrix": (matrix, 3), "rhs": (rhs, 3)})
    return _solve(matrix, rhs)
