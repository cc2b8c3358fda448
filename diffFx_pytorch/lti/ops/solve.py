"""The solve of a small system at every point of a spectrum, as an operator."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.transforms import to_front, with_transforms

from ..fallback import closed_loop as plain
from .layout import COMPLEX, check_shapes, item_index, items, lead_of, points_of, same_lead


@torch.library.custom_op("diffFx::lti_solve", mutates_args=())
def _solve(matrix: Tensor, rhs: Tensor) -> Tensor:
    """Both of one complex type: matrix (..., N, N, M), rhs (..., N, K, M), equally many leading dimensions."""
    return plain.solve(matrix, rhs).contiguous()


@_solve.register_kernel("cpu")
def _(matrix: Tensor, rhs: Tensor) -> Tensor:
    from diffFx_pytorch.kernels import run_rows

    from ..cpu.solve import solve_pieces
    from ..cpu.tiles import pieces

    x = _empty(matrix, rhs)
    if x.numel():
        lead = lead_of((x, 3))
        run_rows(
            solve_pieces,
            math.prod(lead) * pieces(x.shape[-1]),
            1,
            items(matrix, 3),
            item_index(matrix, 3, lead),
            items(rhs, 3),
            item_index(rhs, 3, lead),
            items(x, 3),
        )
    return x


@_solve.register_fake
def _(matrix: Tensor, rhs: Tensor) -> Tensor:
    return _empty(matrix, rhs)


def _empty(matrix: Tensor, rhs: Tensor) -> Tensor:
    return rhs.new_empty(*lead_of((matrix, 3), (rhs, 3)), *rhs.shape[-3:-1], points_of(matrix, rhs))


@torch.library.custom_op("diffFx::lti_solve_adjoint", mutates_args=())
def _solve_adjoint(matrix: Tensor, x: Tensor, grad_x: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients to rhs and matrix, not summed over broadcast dimensions."""
    z = plain.solve(matrix.transpose(-3, -2).conj(), grad_x).contiguous()
    return z, _outer(z, x)


@_solve_adjoint.register_kernel("cpu")
def _(matrix: Tensor, x: Tensor, grad_x: Tensor) -> tuple[Tensor, Tensor]:
    from diffFx_pytorch.kernels import run_rows

    from ..cpu.solve import solve_adjoint_pieces
    from ..cpu.tiles import pieces

    z, grad_matrix = _empty_gradients(matrix, x, grad_x)
    if not z.numel():
        grad_matrix.zero_()
        return z, grad_matrix
    lead = lead_of((z, 3))
    run_rows(
        solve_adjoint_pieces,
        math.prod(lead) * pieces(z.shape[-1]),
        1,
        items(matrix, 3),
        item_index(matrix, 3, lead),
        items(x, 3),
        item_index(x, 3, lead),
        items(grad_x, 3),
        item_index(grad_x, 3, lead),
        items(z, 3),
        items(grad_matrix, 3),
    )
    return z, grad_matrix


@_solve_adjoint.register_fake
def _(matrix: Tensor, x: Tensor, grad_x: Tensor) -> tuple[Tensor, Tensor]:
    return _empty_gradients(matrix, x, grad_x)


def _empty_gradients(matrix: Tensor, x: Tensor, grad_x: Tensor) -> tuple[Tensor, Tensor]:
    lead = lead_of((matrix, 3), (x, 3), (grad_x, 3))
    points = points_of(matrix, x, grad_x)
    return x.new_empty(*lead, *x.shape[-3:-1], points), x.new_empty(*lead, *matrix.shape[-3:-1], points)


@_solve_adjoint.register_vmap
def _(info: Any, dims: Any, *args: Any) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
    return _solve_adjoint(*to_front(dims, args)), (0, 0)


def _outer(z: Tensor, x: Tensor) -> Tensor:
    """-z x^H at each point."""
    total = -z[..., :1, :] * x[..., :1, :].transpose(-3, -2).conj()
    for k in range(1, z.shape[-2]):
        total = total - z[..., k : k + 1, :] * x[..., k : k + 1, :].transpose(-3, -2).conj()
    return total


def _setup(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs, output)
    ctx.save_for_forward(*inputs)


def _backward(ctx: Any, grad_x: Tensor) -> tuple[Tensor | None, Tensor | None]:
    matrix, rhs, x = ctx.saved_tensors
    if torch.is_grad_enabled():
        z = _call(matrix.transpose(-3, -2).conj(), grad_x)
        grad_matrix = _outer(z, x) if z.shape[-2] else torch.zeros_like(matrix)
    elif ctx.needs_input_grad[0]:
        z, grad_matrix = _solve_adjoint(matrix, x, grad_x)
    else:
        z, grad_matrix = _call(matrix.transpose(-3, -2).conj(), grad_x), None
    to_matrix = grad_matrix.sum_to_size(matrix.shape) if grad_matrix is not None else None
    return to_matrix, z.sum_to_size(rhs.shape) if ctx.needs_input_grad[1] else None


def _tangent(ctx: Any, d_matrix: Tensor | None, d_rhs: Tensor | None) -> Tensor:
    matrix, rhs = ctx.saved_tensors
    drive = torch.zeros_like(rhs) if d_rhs is None else d_rhs
    if d_matrix is not None:
        x = _call(matrix, rhs)
        drive = drive - (d_matrix.unsqueeze(-2) * x.unsqueeze(-4)).sum(-3)
    return _call(matrix, drive)


def _batched(info: Any, dims: Any, *args: Any) -> tuple[Tensor, int]:
    return _call(*to_front(dims, args)), 0


_call = with_transforms(_solve, _setup, _backward, _tangent, _batched)


def solve(matrix: Tensor, rhs: Tensor) -> Tensor:
    r"""The x with :math:`A_m x_m = b_m` at every point m.

    Gaussian elimination with the points side by side. A row is exchanged where the pivot is less than a tenth of the
    largest entry below it, at those points only. The backward pass eliminates the adjoint matrices anew: that is
    cheaper than writing factors and reading them again.

    Args:
        matrix: A, (..., N, N, M), complex64 or complex128; M may be 1.
        rhs: b, (..., N, K, M), of the same type; M may be 1. Leading dimensions broadcast.

    Returns:
        x, (..., N, K, M). Where A is singular, x is inf or NaN, and no error is raised.

    Raises:
        TypeError: tensors that are not complex or of two types.
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
    A, b = same_lead((matrix, 3), (rhs, 3))
    return _call(A, b)
