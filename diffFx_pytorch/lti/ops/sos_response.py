"""The response of cascades of second-order sections on a circle, in one pass, as an operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels.transforms import to_front, with_transforms

from ..fallback import responses as plain
from .delay_response import delay_response
from .layout import COMPLEX, items


@torch.library.custom_op("diffFx::lti_sos_response", mutates_args=())
def _sos_response(sos: Tensor, nfft: int, alias_decay_db: float, dtype: torch.dtype) -> Tensor:
    """Sections (..., S, 6), float64."""
    return plain.sos_at(sos, plain.circle(nfft, alias_decay_db, sos.device)).to(dtype)


@_sos_response.register_kernel("cpu")
def _(sos: Tensor, nfft: int, alias_decay_db: float, dtype: torch.dtype) -> Tensor:
    from diffFx_pytorch.kernels import run_rows

    from ..cpu.sos_response import sos_pieces
    from ..cpu.tiles import pieces

    response = torch.empty(*sos.shape[:-2], nfft // 2 + 1, dtype=dtype)
    rows = response.shape[:-1].numel()
    sections = items(sos.flatten(-2), 1)
    run_rows(sos_pieces, rows * pieces(nfft // 2 + 1), 1, sections, _points(nfft, alias_decay_db), items(response, 1))
    return response


def _points(nfft: int, alias_decay_db: float) -> np.ndarray:
    """z^-1 at the points, and a few more to fill vectors."""
    w = delay_response(torch.ones((), dtype=torch.int64), nfft, alias_decay_db, torch.complex128)
    return items(torch.nn.functional.pad(torch.view_as_real(w), (0, 0, 0, 8)).flatten(), 1)[0]


@_sos_response.register_fake
def _(sos: Tensor, nfft: int, alias_decay_db: float, dtype: torch.dtype) -> Tensor:
    return sos.new_empty(*sos.shape[:-2], nfft // 2 + 1, dtype=dtype)


@torch.library.custom_op("diffFx::lti_sos_slope", mutates_args=())
def _sos_slope(grad: Tensor, sos: Tensor, nfft: int, alias_decay_db: float) -> Tensor:
    """Gradient to the sections, float64."""
    return plain.sos_slope(grad, sos, nfft, alias_decay_db)


@_sos_slope.register_kernel("cpu")
def _(grad: Tensor, sos: Tensor, nfft: int, alias_decay_db: float) -> Tensor:
    from diffFx_pytorch.kernels import run_rows

    from ..cpu.sos_response import sos_slope_pieces
    from ..cpu.tiles import pieces

    rows, parts = sos.shape[:-2].numel(), pieces(nfft // 2 + 1)
    slope = torch.empty(rows, parts, sos.shape[-2] * 6, dtype=torch.float64)
    sections = items(sos.flatten(-2), 1)
    run_rows(
        sos_slope_pieces, rows * parts, 1, items(grad, 1), sections, _points(nfft, alias_decay_db), items(slope, 2)
    )
    return slope.sum(-2).view(sos.shape)


@_sos_slope.register_fake
def _(grad: Tensor, sos: Tensor, nfft: int, alias_decay_db: float) -> Tensor:
    return torch.empty_like(sos, memory_format=torch.contiguous_format)


@_sos_slope.register_vmap
def _(info: Any, dims: Any, *args: Any) -> tuple[Tensor, int]:
    grad, sos, *settings = to_front(dims, args)
    lead = torch.broadcast_shapes(grad.shape[:-1], sos.shape[:-2])
    return _sos_slope(grad.expand(*lead, -1), sos.expand(*lead, -1, -1), *settings), 0


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[0])
    ctx.save_for_forward(inputs[0])
    ctx.settings = inputs[1:]


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
    (sos,) = ctx.saved_tensors
    slope = plain.sos_slope if torch.is_grad_enabled() else _sos_slope
    return slope(grad, sos, *ctx.settings[:2]), None, None, None


def _tangent(ctx: Any, d_sos: Tensor, *_: Any) -> Tensor:
    (sos,) = ctx.saved_tensors
    nfft, alias_decay_db, dtype = ctx.settings
    return plain.sos_tangent(sos, d_sos, nfft, alias_decay_db).to(dtype)


def _batched(info: Any, dims: Any, *args: Any) -> tuple[Tensor, int]:
    return _call(*to_front(dims, args)), 0


_call = with_transforms(_sos_response, _setup, _backward, _tangent, _batched)


def sos_response(sos: Tensor, nfft: int, alias_decay_db: float = 0.0, dtype: torch.dtype = torch.complex64) -> Tensor:
    r"""The product of second-order sections on the upper half of a circle.

    .. math:: H(z) = \prod_s \frac{b_{s0} + b_{s1} z^{-1} + b_{s2} z^{-2}}{a_{s0} + a_{s1} z^{-1} + a_{s2} z^{-2}}

    at the points of ``delay_response``. Reckoned in float64 whatever ``dtype`` is, and so is the gradient: at low
    frequencies the terms of a section cancel almost wholly.

    Args:
        sos: (..., S, 6), rows b0 b1 b2 a0 a1 a2; float64 for accuracy.
        nfft: points of the whole circle.
        alias_decay_db: decay over nfft samples that the radius stands for, dB.
        dtype: complex64 or complex128.

    Returns:
        (..., nfft // 2 + 1); inf or NaN at a pole.

    Raises:
        TypeError: a dtype that is not complex.
        ValueError: sections of another shape, or an nfft below 1.

    References:
        A. V. Oppenheim and R. W. Schafer, Discrete-Time Signal Processing, 3rd ed., Pearson 2010, equation 6.37.
    """
    if dtype not in COMPLEX:
        raise TypeError(f"sos_response: dtype must be complex64 or complex128, got {dtype}")
    _check(sos)
    if nfft < 1:
        raise ValueError(f"sos_response: nfft must be at least 1, got {nfft}")
    return _call(sos.double(), nfft, float(alias_decay_db), dtype)


def sos_at(sos: Tensor, z: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """The product of second-order sections (..., S, 6) at points z of any shape, in plain torch: (..., *z.shape).

    Args:
        sos: rows b0 b1 b2 a0 a1 a2, reckoned in float64.
        z: complex points, none of them 0.
        dtype: of the response; that of z where None.

    Raises:
        ValueError: sections of another shape.
    """
    _check(sos)
    response = plain.sos_at(sos, z.to(torch.complex128).flatten().reciprocal())
    return (
        response.unflatten(-1, z.shape).to(dtype or z.dtype) if z.dim() else response.squeeze(-1).to(dtype or z.dtype)
    )


def _check(sos: Tensor) -> None:
    if sos.dim() < 2 or sos.shape[-1] != 6:
        raise ValueError(f"sections must be (..., S, 6), rows b0 b1 b2 a0 a1 a2; got {tuple(sos.shape)}")
