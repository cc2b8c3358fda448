"""A closed loop of a constant matrix between two diagonals, solved at every point of a spectrum, as an operator."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.transforms import to_front, with_transforms

from ..fallback import closed_loop as plain
from .layout import COMPLEX, REAL_OF, check_shapes, item_index, items, lead_of, points_of, same_lead, with_absent


@torch.library.custom_op("diffFx::lti_closed_loop", mutates_args=())
def _closed_loop(left: Tensor | None, matrix: Tensor, right: Tensor | None, rhs: Tensor) -> Tensor:
    """left, right (..., N, M) of rhs's type, matrix (..., N, N) of that type or its real one, rhs (..., N, K, M)."""
    return plain.closed_loop(left, matrix, right, rhs).contiguous()


@_closed_loop.register_kernel("cpu")
def _(left: Tensor | None, matrix: Tensor, right: Tensor | None, rhs: Tensor) -> Tensor:
    from diffFx_pytorch.kernels import run_rows

    from ..cpu.closed_loop import closed_loop_pieces
    from ..cpu.tiles import pieces

    y = _empty(left, matrix, right, rhs)
    if y.numel():
        lead = lead_of((y, 3))
        run_rows(
            closed_loop_pieces,
            math.prod(lead) * pieces(y.shape[-1]),
            1,
            *with_absent(left, 2, rhs, lead),
            items(matrix.flatten(-2), 1),
            item_index(matrix, 2, lead),
            *with_absent(right, 2, rhs, lead),
            items(rhs, 3),
            item_index(rhs, 3, lead),
            items(y, 3),
        )
    return y


@_closed_loop.register_fake
def _(left: Tensor | None, matrix: Tensor, right: Tensor | None, rhs: Tensor) -> Tensor:
    return _empty(left, matrix, right, rhs)


def _empty(left: Tensor | None, matrix: Tensor, right: Tensor | None, rhs: Tensor) -> Tensor:
    lead = lead_of((left, 2), (matrix, 2), (right, 2), (rhs, 3))
    return rhs.new_empty(*lead, *rhs.shape[-3:-1], points_of(left, right, rhs))


@torch.library.custom_op("diffFx::lti_closed_loop_adjoint", mutates_args=())
def _closed_loop_adjoint(
    grad_y: Tensor, left: Tensor | None, matrix: Tensor, right: Tensor | None, y: Tensor, wanted: list[bool]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients to left, matrix, right and rhs, not summed over broadcast dimensions; unwanted ones (..., 0)."""
    z = _adjoint(plain.closed_loop, left, matrix, right, grad_y).contiguous()
    found = plain.closed_loop_gradients(left, matrix, right, y, z)
    targets = _empty_gradients(grad_y, left, matrix, right, y, wanted)[:3]
    for target, grad in zip(targets, found, strict=True):
        if grad is not None and target.shape[-1]:
            target.copy_(grad)
    return *targets, z


@_closed_loop_adjoint.register_kernel("cpu")
def _(
    grad_y: Tensor, left: Tensor | None, matrix: Tensor, right: Tensor | None, y: Tensor, wanted: list[bool]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    from diffFx_pytorch.kernels import run_rows

    from ..cpu.closed_loop import closed_loop_adjoint_pieces
    from ..cpu.tiles import pieces

    to_left, to_matrix, to_right, z = _empty_gradients(grad_y, left, matrix, right, y, wanted)
    if not z.numel():
        return to_left.zero_(), to_matrix.zero_(), to_right.zero_(), z
    lead, parts = lead_of((z, 3)), pieces(z.shape[-1])
    # A sum over all points, taken a piece at a time and then in float64.
    sums = torch.empty(*lead, parts, items(to_matrix.flatten(-2), 1).shape[-1], dtype=torch.float64)
    run_rows(
        closed_loop_adjoint_pieces,
        math.prod(lead) * parts,
        1,
        *with_absent(left, 2, z, lead),
        items(matrix.flatten(-2), 1),
        item_index(matrix, 2, lead),
        *with_absent(right, 2, z, lead),
        items(grad_y, 3),
        item_index(grad_y, 3, lead),
        items(y, 3),
        item_index(y, 3, lead),
        items(z, 3),
        items(to_left, 2),
        items(sums, 2),
        items(to_right, 2),
    )
    if to_matrix.shape[-1]:
        total = sums.sum(-2)
        total = torch.view_as_complex(total.unflatten(-1, (-1, 2))) if matrix.is_complex() else total
        to_matrix.copy_(total.view_as(to_matrix))
    return to_left, to_matrix, to_right, z


@_closed_loop_adjoint.register_fake
def _(
    grad_y: Tensor, left: Tensor | None, matrix: Tensor, right: Tensor | None, y: Tensor, wanted: list[bool]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return _empty_gradients(grad_y, left, matrix, right, y, wanted)


def _empty_gradients(
    grad_y: Tensor, left: Tensor | None, matrix: Tensor, right: Tensor | None, y: Tensor, wanted: list[bool]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    lead = lead_of((grad_y, 3), (left, 2), (matrix, 2), (right, 2), (y, 3))
    N, points = matrix.shape[-1], points_of(grad_y, y)
    return (
        y.new_empty(*lead, N, points if wanted[0] else 0),
        matrix.new_empty(*lead, N, N if wanted[1] else 0),
        y.new_empty(*lead, N, points if wanted[2] else 0),
        y.new_empty(*lead, *y.shape[-3:-1], points),
    )


@_closed_loop_adjoint.register_vmap
def _(info: Any, dims: Any, *args: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    return _closed_loop_adjoint(*to_front(dims, args)), (0,) * 4


def _adjoint(
    loop: Callable[..., Tensor], left: Tensor | None, matrix: Tensor, right: Tensor | None, grad_y: Tensor
) -> Tensor:
    """The loop run against its arrows: the conjugate transpose of a product turns it round."""
    return loop(None if right is None else right.conj(), matrix.mH, None if left is None else left.conj(), grad_y)


def _setup(ctx: Any, inputs: tuple[Tensor | None, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs, output)
    ctx.save_for_forward(*inputs)


def _backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
    left, matrix, right, rhs, y = ctx.saved_tensors
    needs = ctx.needs_input_grad
    if torch.is_grad_enabled():
        z = _adjoint(_call, left, matrix, right, grad_y)
        found = (*plain.closed_loop_gradients(left, matrix, right, y, z), z)
    else:
        found = _closed_loop_adjoint(grad_y, left, matrix, right, y, list(needs[:3]))
    return tuple(
        g.sum_to_size(p.shape) if need and p is not None and g is not None else None
        for g, p, need in zip(found, (left, matrix, right, rhs), needs, strict=True)
    )


def _tangent(ctx: Any, *tangents: Tensor | None) -> Tensor:
    left, matrix, right, rhs = ctx.saved_tensors
    d_left, d_matrix, d_right, d_rhs = tangents
    y = _call(left, matrix, right, rhs)
    v = y if right is None else y * right.unsqueeze(-2)
    inner = torch.zeros_like(y)
    if d_matrix is not None:
        inner = inner + plain.constant_product(d_matrix, v)
    if d_right is not None:
        inner = inner + plain.constant_product(matrix, y * d_right.unsqueeze(-2))
    drive = inner if left is None else inner * left.unsqueeze(-2)
    if d_left is not None:
        drive = drive + plain.constant_product(matrix, v) * d_left.unsqueeze(-2)
    return _call(left, matrix, right, drive if d_rhs is None else drive + d_rhs)


def _batched(info: Any, dims: Any, *args: Any) -> tuple[Tensor, int]:
    return _call(*to_front(dims, args)), 0


_call = with_transforms(_closed_loop, _setup, _backward, _tangent, _batched)


def closed_loop(left: Tensor | None, matrix: Tensor, right: Tensor | None, rhs: Tensor) -> Tensor:
    r"""The y with :math:`y_m = D_m A E_m y_m + b_m` at every point m, D and E diagonal, A the same everywhere.

    The matrix :math:`I - D_m A E_m` is built for sixteen points at a time and eliminated where it stands, forward and
    backward: no matrix is held per point. Pivoting as in ``solve``. The gradient to A is summed over the points in
    float64.

    Args:
        left: the diagonal of D, (..., N, M), or None for ones.
        matrix: A, (..., N, N), real or complex.
        right: the diagonal of E, (..., N, M), or None for ones.
        rhs: b, (..., N, K, M), complex64 or complex128. M may be 1 in any of them, where it does not depend on the
            point. Leading dimensions broadcast; those that only b has cost a column each and no elimination.

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
    if any(t is not None and (t.dim() < own or t.shape[t.dim() - own] != N) for t, own in shapes.values()):
        listed = ", ".join(f"{name} {tuple(t.shape)}" for name, (t, _) in shapes.items() if t is not None)
        raise ValueError(
            f"closed_loop: left and right must be (..., N, M), matrix (..., N, N), rhs (..., N, K, M); got {listed}"
        )
    check_shapes("closed_loop", shapes)
    dtype = functools.reduce(torch.promote_types, [t.dtype for t, _ in shapes.values() if t is not None])
    D, A, E, b = same_lead(*shapes.values())
    assert A is not None and b is not None  # noqa: PT018
    D, E = (None if t is None else t.to(dtype) for t in (D, E))
    b, A = b.to(dtype), A.to(dtype if A.is_complex() else REAL_OF[dtype])
    folded = [d for d in range(b.dim() - 3) if b.shape[d] > 1 and all(t is None or t.shape[d] == 1 for t in (D, A, E))]
    if not folded:
        return _call(D, A, E, b)
    # Leading dimensions that the loop does not have are columns: one elimination for all.
    last = b.dim() - 3 - len(folded)
    b = b.movedim(folded, tuple(range(last + 1, last + 1 + len(folded))))
    D, A, E = (None if t is None else t.squeeze(tuple(folded)) for t in (D, A, E))
    y = _call(D, A, E, b.flatten(last + 1, -2)).unflatten(-2, b.shape[last + 1 : -1])
    return y.movedim(tuple(range(last + 1, last + 1 + len(folded))), folded)
