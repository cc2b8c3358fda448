"""The impulse response of a loop of whole delays and a matrix, computed in time, as an operator."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.transforms import to_front, with_transforms

from ..fallback import loop_impulse as plain
from .layout import item_index, items, lead_of, same_lead

_LANES = {torch.float32: 16, torch.float64: 8}


@torch.library.custom_op("diffFx::lti_loop_impulse", mutates_args=())
def _loop_impulse(matrix: Tensor, delays: Tensor, b: Tensor, c: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """Responses (..., O, I, T) and what enters the delays, (..., I, N, T)."""
    h, x = plain.loop_impulse(matrix, delays, b, c, samples)
    return h.contiguous(), x.contiguous()


@_loop_impulse.register_kernel("cpu")
def _(matrix: Tensor, delays: Tensor, b: Tensor, c: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    from diffFx_pytorch.kernels import run_rows

    from ..cpu.loop_impulse import loop_rows

    h, x = _empty(matrix, delays, b, c, samples)
    if plain.shortest(delays, samples) < _LANES[x.dtype]:
        h_plain, x_plain = plain.loop_impulse(matrix, delays, b, c, samples)
        return h.copy_(h_plain), x.copy_(x_plain)
    lead = lead_of((x, 3))
    run_rows(
        loop_rows,
        math.prod(lead) * b.shape[-1],
        1,
        items(matrix.flatten(-2), 1),
        item_index(matrix, 2, lead),
        items(delays, 1),
        item_index(delays, 1, lead),
        items(b, 2),
        item_index(b, 2, lead),
        items(c, 2),
        item_index(c, 2, lead),
        items(x, 3),
        items(h, 3),
    )
    return h, x


@_loop_impulse.register_fake
def _(matrix: Tensor, delays: Tensor, b: Tensor, c: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    return _empty(matrix, delays, b, c, samples)


def _empty(matrix: Tensor, delays: Tensor, b: Tensor, c: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    lead = lead_of((matrix, 2), (delays, 1), (b, 2), (c, 2))
    N, inputs = b.shape[-2:]
    return b.new_empty(*lead, c.shape[-2], inputs, samples), b.new_empty(*lead, inputs, N, samples)


@torch.library.custom_op("diffFx::lti_loop_impulse_adjoint", mutates_args=())
def _loop_impulse_adjoint(
    grad_h: Tensor, matrix: Tensor, delays: Tensor, b: Tensor, c: Tensor, x: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients to matrix, b and c, not summed over broadcast dimensions."""
    found = _pulled(grad_h, matrix, delays, b, c)
    lead = lead_of((grad_h, 3), (x, 3))
    shapes = (matrix.shape[-2:], b.shape[-2:], c.shape[-2:])
    # The sum over broadcast items stands in the first of them.
    return tuple(  # pyright: ignore[reportReturnType]
        _first_of(g, (*lead, *shape)) for g, shape in zip(found, shapes, strict=True)
    )


def _first_of(t: Tensor, shape: tuple[int, ...]) -> Tensor:
    whole = t.new_zeros(shape)
    whole[tuple(slice(0, n) for n in t.shape)] = t
    return whole


@_loop_impulse_adjoint.register_kernel("cpu")
def _(grad_h: Tensor, matrix: Tensor, delays: Tensor, b: Tensor, c: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    from diffFx_pytorch.kernels import run_rows

    from ..cpu.loop_impulse import loop_adjoint_rows

    lead = lead_of((grad_h, 3), (matrix, 2), (delays, 1), (b, 2), (c, 2), (x, 3))
    (N, inputs), outputs = b.shape[-2:], c.shape[-2]
    if plain.shortest(delays, x.shape[-1]) < _LANES[x.dtype]:
        found = _pulled(grad_h, matrix, delays, b, c)
        shapes = ((*lead, N, N), (*lead, N, inputs), (*lead, outputs, N))
        first, second, third = (_first_of(g, shape) for g, shape in zip(found, shapes, strict=True))
        return first, second, third
    rows = math.prod(lead) * inputs
    to_matrix, to_b, to_c = (torch.empty(rows, n, dtype=torch.float64) for n in (N * N, N, outputs * N))
    run_rows(
        loop_adjoint_rows,
        rows,
        1,
        items(grad_h, 3),
        item_index(grad_h, 3, lead),
        items(matrix.flatten(-2), 1),
        item_index(matrix, 2, lead),
        items(delays, 1),
        item_index(delays, 1, lead),
        items(c, 2),
        item_index(c, 2, lead),
        items(x, 3),
        item_index(x, 3, lead),
        items(to_matrix, 1),
        items(to_b, 1),
        items(to_c, 1),
    )
    return (
        to_matrix.view(*lead, inputs, N, N).sum(-3).to(x.dtype),
        to_b.view(*lead, inputs, N).mT.to(x.dtype).contiguous(),
        to_c.view(*lead, inputs, outputs, N).sum(-3).to(x.dtype),
    )


@_loop_impulse_adjoint.register_fake
def _(grad_h: Tensor, matrix: Tensor, delays: Tensor, b: Tensor, c: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    lead = lead_of((grad_h, 3), (matrix, 2), (delays, 1), (b, 2), (c, 2), (x, 3))
    return (
        x.new_empty(*lead, *matrix.shape[-2:]),
        x.new_empty(*lead, *b.shape[-2:]),
        x.new_empty(*lead, *c.shape[-2:]),
    )


@_loop_impulse_adjoint.register_vmap
def _(info: Any, dims: Any, *args: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    return _loop_impulse_adjoint(*to_front(dims, args)), (0,) * 3


def _pulled(grad_h: Tensor, matrix: Tensor, delays: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients to matrix, b and c through the plain recursion, differentiable."""

    def response(matrix: Tensor, b: Tensor, c: Tensor) -> Tensor:
        h = plain.loop_impulse(matrix, delays, b, c, grad_h.shape[-1])[0]
        return h.expand(torch.broadcast_shapes(h.shape, grad_h.shape))

    return torch.func.vjp(response, matrix, b, c)[1](grad_h)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs[:4], output[1])
    ctx.save_for_forward(*inputs[:4])
    ctx.samples = inputs[4]
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, grad_h: Tensor | None, _: Any) -> tuple[Tensor | None, ...]:
    matrix, delays, b, c, x = ctx.saved_tensors
    if grad_h is None:
        return (None,) * 5
    if torch.is_grad_enabled():
        found = _pulled(grad_h, matrix, delays, b, c)
    else:
        found = _loop_impulse_adjoint(grad_h, matrix, delays, b, c, x)
    to_matrix, to_b, to_c = (g.sum_to_size(p.shape) for g, p in zip(found, (matrix, b, c), strict=True))
    return to_matrix, None, to_b, to_c, None


def _tangent(ctx: Any, d_matrix: Tensor | None, _: Any, d_b: Tensor | None, d_c: Tensor | None, __: Any) -> Any:
    matrix, delays, b, c = ctx.saved_tensors
    primals = (matrix, b, c)
    tangents = tuple(
        torch.zeros_like(p) if d is None else d for p, d in zip(primals, (d_matrix, d_b, d_c), strict=True)
    )

    def response(matrix: Tensor, b: Tensor, c: Tensor) -> Tensor:
        return plain.loop_impulse(matrix, delays, b, c, ctx.samples)[0]

    # Forward mode cannot be nested; the derivative of a gradient to what drives it is the tangent too.
    h, pull = torch.func.vjp(response, *primals)[:2]
    return torch.func.vjp(pull, torch.zeros_like(h))[1](tangents)[0], None


_call = with_transforms(_loop_impulse, _setup, _backward, _tangent)


def loop_impulse(
    matrix: Tensor, delays: Tensor, b: Tensor, c: Tensor, samples: int, gains: Tensor | None = None
) -> Tensor:
    r"""The impulse response of a loop of whole delays and a constant matrix, by its own recursion in time.

    .. math:: h[t] = C s[t], \quad s_j[t] = g_j x_j[t - m_j], \quad x[t] = A s[t] + B \delta[t]

    No transform, hence no aliasing: the first ``samples`` of the response are exact, however long it rings. The
    transform of it is that of ``closed_loop`` less what rings on after ``samples``. It takes a small part of the time
    of a solve at every frequency. Delays under 16 samples (8 in float64) take the slower way of plain torch.

    Args:
        matrix: A, (..., N, N), float32 or float64; gradient.
        delays: m, whole samples, (..., N), an integer type, at least 1.
        b: B, (..., N, I), of the matrix's type; gradient.
        c: C, (..., O, N); gradient.
        samples: length T.
        gains: g, (..., N), None for ones; gradient.

    Returns:
        h, (..., O, I, T). Leading dimensions broadcast.

    Raises:
        TypeError: tensors of other types.
        ValueError: shapes that do not fit, a delay below 1, or samples below 1.

    References:
        J.-M. Jot and A. Chaigne, "Digital delay networks for designing artificial reverberators", AES 90th Convention,
        1991, section 1.
    """
    if delays.is_floating_point() or delays.is_complex() or delays.dtype == torch.bool:
        raise TypeError(f"loop_impulse: delays must be whole numbers of an integer type, got {delays.dtype}")
    for name, t in (("matrix", matrix), ("b", b), ("c", c)):
        if t.dtype not in _LANES or t.dtype != matrix.dtype:
            raise TypeError(f"loop_impulse: {name} must be float32 or float64 like the others, got {t.dtype}")
    N = matrix.shape[-1]
    if matrix.shape[-2:] != (N, N) or delays.shape[-1:] != (N,) or b.shape[-2:-1] != (N,) or c.shape[-1:] != (N,):
        raise ValueError(
            "loop_impulse: matrix must be (..., N, N), delays (..., N), b (..., N, I), c (..., O, N); got "
            f"{tuple(matrix.shape)}, {tuple(delays.shape)}, {tuple(b.shape)}, {tuple(c.shape)}"
        )
    if samples < 1:
        raise ValueError(f"loop_impulse: samples must be at least 1, got {samples}")
    if gains is not None:
        matrix, c = matrix * gains.unsqueeze(-2), c * gains.unsqueeze(-2)
    A, m, B, C = same_lead((matrix, 2), (delays.long(), 1), (b, 2), (c, 2))
    return _call(A, m, B, C, samples)[0]
