"""The response of delays on a circle, exact for whole delays of any length, as an operator."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.operator import Kernel, define
from diffFx_pytorch.kernels.precision import where_float64_is
from diffFx_pytorch.kernels.rows import as_rows
from diffFx_pytorch.kernels.threads import run_rows

from .layout import COMPLEX, pairs


def log_gamma(nfft: int, alias_decay_db: float) -> float:
    """Return the natural logarithm of gamma: the radius of the circle is 1 / gamma."""
    return -alias_decay_db * math.log(10.0) / (20.0 * nfft)


def delay_response_eagerly(delay: Tensor, nfft: int, alias_decay_db: float, dtype: torch.dtype) -> Tensor:
    """z^-m on the circle; the whole part of m turns by an exact multiple of the circle's step."""
    k = torch.arange(nfft // 2 + 1, device=delay.device)
    whole = delay.floor()
    turns = (whole.long().unsqueeze(-1) * k % nfft).to(torch.float64)
    if delay.is_floating_point():
        turns = turns + (delay - whole.detach()).to(torch.float64).unsqueeze(-1) * k
    decay = (delay.to(torch.float64) * log_gamma(nfft, alias_decay_db)).exp().unsqueeze(-1)
    angle = turns * (-2 * math.pi / nfft)
    return torch.polar(decay.expand_as(angle), angle).to(dtype)


def _forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any, nfft: int, decay_db: float, _: Any) -> None:
    from ..cpu import delay_response as cpu

    whole = inputs.delay.floor()
    # An infinite delay has no phase.
    fraction = torch.nan_to_num(inputs.delay - whole, nan=math.nan, posinf=math.nan, neginf=math.nan).double()
    read = (as_rows(whole.long(), 0), as_rows(fraction, 0), nfft, log_gamma(nfft, decay_db))
    run_rows(cpu.delay_rows, math.prod(batch_shape), 1, *read, pairs(outputs.response, 1))


def _backward(
    batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any, nfft: int, decay_db: float, _: Any
) -> list[Tensor]:
    from ..cpu import delay_response as cpu

    slope = torch.empty(*batch_shape, 1, dtype=torch.float64)
    read = (pairs(grads.response, 1), pairs(saved.response, 1), nfft, log_gamma(nfft, decay_db))
    run_rows(cpu.delay_slope_rows, math.prod(batch_shape), 1, *read, as_rows(slope, 1))
    return [slope.squeeze(-1)]


_delay_response = define(
    "lti_delay_response",
    {"delay": 0},
    {"response": lambda delay, nfft, alias_decay_db, dtype: ((nfft // 2 + 1,), dtype)},
    delay_response_eagerly,
    Kernel(_forward, _backward),
    settings={"nfft": int, "alias_decay_db": float, "dtype": torch.dtype},
    saves={"delay": (), "response": ()},
)


@where_float64_is
def delay_response(
    delay: Tensor, nfft: int, alias_decay_db: float = 0.0, dtype: torch.dtype = torch.complex64
) -> Tensor:
    r"""Return z^-m on the upper half of a circle, :math:`z_k = e^{2 \pi j k / n} / \gamma`.

    The whole part of a delay is a whole number of steps round the circle at every point, taken modulo nfft before it
    becomes an angle; so delays of 10^5 samples have the right phase in complex64 too. The fractional part is an angle
    in float64. Within a piece of points the phase advances by rotation in float64.

    Args:
        delay: m in samples, (...): of an integer type, or of a float type and then with a gradient,
            :math:`\partial z^{-m} / \partial m = -\ln(z) z^{-m}`.
        nfft: points of the whole circle, n.
        alias_decay_db: decay alpha over nfft samples, dB, which sets the radius, :math:`\gamma = 10^{-\alpha/20n}`.
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
    check_circle("delay_response", nfft, dtype)
    return _delay_response(
        delay.double() if delay.is_floating_point() else delay.long(), nfft, float(alias_decay_db), dtype
    )


def check_circle(caller: str, nfft: int, dtype: torch.dtype) -> None:
    """Refuse a circle without points, and responses that are not complex.

    Raises:
        TypeError: a dtype that is not complex.
        ValueError: an nfft below 1.
    """
    if dtype not in COMPLEX:
        raise TypeError(f"{caller}: dtype must be complex64 or complex128, got {dtype}")
    if nfft < 1:
        raise ValueError(f"{caller}: nfft must be at least 1, got {nfft}")
