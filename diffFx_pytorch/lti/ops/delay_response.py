"""The response of delays on a circle, exact for whole delays of any length, as an operator."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.transforms import to_front, with_transforms

from ..fallback import responses as plain
from .layout import COMPLEX, items


@torch.library.custom_op("diffFx::lti_delay_response", mutates_args=())
def _delay_response(delay: Tensor, nfft: int, alias_decay_db: float, dtype: torch.dtype) -> Tensor:
    """Delays (...), float64 or int64."""
    return plain.delay_response(delay, nfft, alias_decay_db, dtype)


@_delay_response.register_kernel("cpu")
def _(delay: Tensor, nfft: int, alias_decay_db: float, dtype: torch.dtype) -> Tensor:
    from diffFx_pytorch.kernels import run_rows

    from ..cpu.delay_response import delay_rows

    response = torch.empty(*delay.shape, nfft // 2 + 1, dtype=dtype)
    whole = delay.floor()
    fraction = torch.nan_to_num(delay - whole, nan=math.nan, posinf=math.nan, neginf=math.nan).double()
    run_rows(
        delay_rows,
        delay.numel(),
        1,
        items(whole.long(), 0),
        items(fraction, 0),
        nfft,
        plain.log_gamma(nfft, alias_decay_db),
        items(response, 1),
    )
    return response


@_delay_response.register_fake
def _(delay: Tensor, nfft: int, alias_decay_db: float, dtype: torch.dtype) -> Tensor:
    return delay.new_empty(*delay.shape, nfft // 2 + 1, dtype=dtype)


@torch.library.custom_op("diffFx::lti_delay_slope", mutates_args=())
def _delay_slope(grad: Tensor, response: Tensor, nfft: int, alias_decay_db: float) -> Tensor:
    """Gradient to the delays, float64."""
    return plain.delay_slope(grad, response, nfft, alias_decay_db)


@_delay_slope.register_kernel("cpu")
def _(grad: Tensor, response: Tensor, nfft: int, alias_decay_db: float) -> Tensor:
    from diffFx_pytorch.kernels import run_rows

    from ..cpu.delay_response import delay_slope_rows

    slope = torch.empty(*grad.shape[:-1], 1, dtype=torch.float64)
    level = plain.log_gamma(nfft, alias_decay_db)
    run_rows(delay_slope_rows, slope.numel(), 1, items(grad, 1), items(response, 1), nfft, level, items(slope, 1))
    return slope.squeeze(-1)


@_delay_slope.register_fake
def _(grad: Tensor, response: Tensor, nfft: int, alias_decay_db: float) -> Tensor:
    return grad.new_empty(grad.shape[:-1], dtype=torch.float64)


@_delay_slope.register_vmap
def _(info: Any, dims: Any, *args: Any) -> tuple[Tensor, int]:
    grad, response, *settings = to_front(dims, args)
    grad, response = torch.broadcast_tensors(grad, response)
    return _delay_slope(grad, response, *settings), 0


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[0], output)
    ctx.save_for_forward(inputs[0])
    ctx.settings = inputs[1:]


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None, None]:
    _, response = ctx.saved_tensors
    nfft, alias_decay_db, _ = ctx.settings
    slope = plain.delay_slope if torch.is_grad_enabled() else _delay_slope
    return slope(grad, response, nfft, alias_decay_db), None, None, None


def _tangent(ctx: Any, d_delay: Tensor, *_: Any) -> Tensor:
    (delay,) = ctx.saved_tensors
    nfft, alias_decay_db, dtype = ctx.settings
    angle = torch.arange(nfft // 2 + 1, dtype=torch.float64, device=delay.device) * (2 * math.pi / nfft)
    minus_log_z = torch.complex(torch.full_like(angle, plain.log_gamma(nfft, alias_decay_db)), -angle)
    return _call(delay, *ctx.settings) * (minus_log_z * d_delay.unsqueeze(-1)).to(dtype)


def _batched(info: Any, dims: Any, *args: Any) -> tuple[Tensor, int]:
    return _call(*to_front(dims, args)), 0


_call = with_transforms(_delay_response, _setup, _backward, _tangent, _batched)


def delay_response(
    delay: Tensor, nfft: int, alias_decay_db: float = 0.0, dtype: torch.dtype = torch.complex64
) -> Tensor:
    r"""z^-m on the upper half of a circle, :math:`z_k = e^{2 \pi j k / n} / \gamma`, :math:`\gamma = 10^{-\alpha/20n}`.

    The whole part of a delay is a whole number of steps round the circle at every point, taken modulo nfft before it
    becomes an angle; so delays of 10^5 samples keep their phase in complex64 too. What is left of a fractional delay
    is an angle in float64. Between restarts the points follow by rotation in float64.

    Args:
        delay: m in samples, (...): of an integer type, or of a float type and then with a gradient,
            :math:`\partial z^{-m} / \partial m = -\ln(z) z^{-m}`.
        nfft: points of the whole circle, n.
        alias_decay_db: alpha, the decay over nfft samples that the radius stands for, dB.
        dtype: complex64 or complex128.

    Returns:
        (..., nfft // 2 + 1).

    Raises:
        TypeError: a dtype that is not complex.
        ValueError: an nfft below 1.

    References:
        T. I. Laakso, V. Välimäki, M. Karjalainen, U. K. Laine, "Splitting the unit delay", IEEE Signal Processing
        Magazine 13(1), 1996, equation 3 (the ideal fractional delay).
    """
    if dtype not in COMPLEX:
        raise TypeError(f"delay_response: dtype must be complex64 or complex128, got {dtype}")
    if nfft < 1:
        raise ValueError(f"delay_response: nfft must be at least 1, got {nfft}")
    wide = delay.double() if delay.is_floating_point() else delay.long()
    return _call(wide, nfft, float(alias_decay_db), dtype)
