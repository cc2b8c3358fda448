"""A closed loop of a constant matrix between two diagonals, solved at every point of a spectrum, as an operator."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.operator import Kernel, define
from diffFx_pytorch.kernels.threads import run_rows

from .layout import COMPLEX, REAL_OF, check_shapes, indexed_pairs, pairs, points_of
from .solve import solve_eagerly


def closed_loop_eagerly(left: Tensor | None, matrix: Tensor, right: Tensor | None, rhs: Tensor) -> Tensor:
    """The y with ``(I - diag(left) matrix diag(right)) y = rhs`` at each point, by torch's own batched solver."""
    open_loop = matrix.unsqueeze(-1)
    if left is not None:
        open_loop = left.unsqueeze(-2) * open_loop
    if right is not None:
        open_loop = open_loop * right.unsqueeze(-3)
    identity = torch.eye(matrix.shape[-1], dtype=rhs.dtype, device=rhs.device).unsqueeze(-1)
    return solve_eagerly(identity - open_loop, rhs)


def _loop(batch_shape: tuple[int, ...], inputs: Any, like: Tensor) -> list[Any]:
    """What kernels read of the two diagonals and the matrix."""
    left, right = (None if t is None else t.unsqueeze(-2) for t in (inputs.left, inputs.right))
    rows = ((left, 3), (inputs.matrix.flatten(-2), 1), (right, 3))
    return [indexed_pairs(t, core, batch_shape, like) for t, core in rows]


def _forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    from ..cpu import closed_loop as cpu
    from ..cpu.spectra import pieces

    y = outputs.y
    read = (*_loop(batch_shape, inputs, y), indexed_pairs(inputs.rhs, 3, batch_shape, y))
    run_rows(cpu.closed_loop_pieces, math.prod(batch_shape) * pieces(y.shape[-1]), 1, *read, pairs(y, 3))


def _backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor]:
    from ..cpu import closed_loop as cpu
    from ..cpu.spectra import pieces

    y = grads.y if saved.y is None else saved.y  # not read where only the right-hand side has a gradient
    matrix, N, points = inputs.matrix, y.shape[-3], y.shape[-1]
    to_left, to_right = (y.new_empty(*batch_shape, N, points * need) for need in (needs.left, needs.right))
    z, to_matrix = torch.empty_like(y), matrix.new_empty(*batch_shape, N * N * needs.matrix)
    # A sum over all points, taken a piece at a time and then in float64.
    parts = pieces(points)
    sums = torch.empty(*batch_shape, parts, pairs(to_matrix, 1).shape[-1], dtype=torch.float64)
    read = (*_loop(batch_shape, inputs, y), *(indexed_pairs(t, 3, batch_shape, y) for t in (grads.y, y)))
    write = (pairs(z, 3), pairs(to_left, 2), pairs(sums, 2), pairs(to_right, 2))
    run_rows(cpu.closed_loop_adjoint_pieces, math.prod(batch_shape) * parts, 1, *read, *write)
    if needs.matrix:
        total = sums.sum(-2)
        to_matrix = torch.view_as_complex(total.unflatten(-1, (-1, 2))) if matrix.is_complex() else total
        to_matrix = to_matrix.unflatten(-1, (N, N))
    return [to_left, to_matrix, to_right, z]


_closed_loop = define(
    "lti_closed_loop",
    {"left?": 2, "matrix": 2, "right?": 2, "rhs": 3},
    {"y": lambda left, _, right, rhs: ((*rhs.shape[-3:-1], points_of(left, right, rhs)), rhs.dtype)},
    closed_loop_eagerly,
    Kernel(_forward, _backward),
    saves={"left": (), "matrix": (), "right": (), "rhs": (), "y": ("left", "matrix", "right")},
)
_closed_loop.register(device="cuda", kernel=triton_kernel("diffFx_pytorch.lti.cuda.closed_loop"))


def closed_loop(left: Tensor | None, matrix: Tensor, right: Tensor | None, rhs: Tensor) -> Tensor:
    r"""Return the y with :math:`y_m = D_m A E_m y_m + b_m` at every point m, D and E diagonal, A the same everywhere.

    The matrix :math:`I - D_m A E_m` is built for a vector of points at a time and eliminated in place, forward and
    backward: no matrix is held per point. Pivoting as in ``solve``. The gradient to A is summed over the points in
    float64.

    Args:
        left: the diagonal of D, (..., N, M), or None for ones.
        matrix: A, (..., N, N), real or complex.
        right: the diagonal of E, (..., N, M), or None for ones.
        rhs: b, (..., N, K, M), complex64 or complex128. M may be 1 in any of them, where it does not depend on the
            point. Batch dimensions broadcast; those that only b has cost a column each and no elimination.

    Returns:
        y, (..., N, K, M). Where the loop has a pole y is inf or NaN, and no error is raised.

    Raises:
        TypeError: left, right or b that are not complex.
        ValueError: shapes that do not fit.

    References:
        S. J. Schlecht and E. A. P. Habets, "On lossless feedback delay networks", IEEE Trans. Signal Processing 65(6),
        2017, equation 5 (the loop of a feedback delay network).
    """
    shapes = {"left": (left, 2), "matrix": (matrix, 2), "right": (right, 2), "rhs": (rhs, 3)}
    for name in ("left", "right", "rhs"):
        t = shapes[name][0]
        if t is not None and t.dtype not in COMPLEX:
            raise TypeError(f"closed_loop: {name} must be complex64 or complex128, got {t.dtype}")
    N = matrix.shape[-1]
    if any(t is not None and (t.dim() < core or t.shape[t.dim() - core] != N) for t, core in shapes.values()):
        listed = ", ".join(f"{name} {tuple(t.shape)}" for name, (t, _) in shapes.items() if t is not None)
        raise ValueError(
            f"closed_loop: left and right must be (..., N, M), matrix (..., N, N), rhs (..., N, K, M); got {listed}"
        )
    check_shapes("closed_loop", shapes)
    dtype = functools.reduce(torch.promote_types, [t.dtype for t, _ in shapes.values() if t is not None])
    D, E = (None if t is None else t.to(dtype) for t in (left, right))
    b, A = rhs.to(dtype), matrix.to(dtype if matrix.is_complex() else REAL_OF[dtype])
    # Batch dimensions that the loop does not have become columns: one elimination for all.
    most = max(t.dim() - core for t, core in shapes.values() if t is not None)
    D, A, E = (None if t is None else t[(None,) * (most - t.dim() + 2)] for t in (D, A, E))
    b = b[(None,) * (most - b.dim() + 3)]
    loop = [t for t in (D, A, E) if t is not None]
    folded = [d for d in range(most) if b.shape[d] > 1 and all(t.shape[d] == 1 for t in loop)]
    if not folded:
        return _closed_loop(D, A, E, b)
    columns = tuple(range(most - len(folded) + 1, most + 1))
    b = b.movedim(folded, columns)
    D, A, E = (None if t is None else t.squeeze(tuple(folded)) for t in (D, A, E))
    y = _closed_loop(D, A, E, b.flatten(columns[0], -2))
    return y.unflatten(-2, b.shape[columns[0] : -1]).movedim(columns, folded)
