"""The response of cascades of second-order sections on a circle, in one pass, as an operator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels.operator import Kernel, define
from diffFx_pytorch.kernels.precision import where_float64_is
from diffFx_pytorch.kernels.rows import as_rows
from diffFx_pytorch.kernels.threads import run_rows

from .delay_response import check_circle, delay_response, log_gamma
from .layout import pairs


def _product(sos: Tensor, w: Tensor) -> Tensor:
    """Product of sections (..., S, 6) at points z^-1 = w (M,): (..., M), complex128."""
    s = sos.to(torch.float64).unsqueeze(-1)
    b = s[..., 0, :] + w * (s[..., 1, :] + w * s[..., 2, :])
    a = s[..., 3, :] + w * (s[..., 4, :] + w * s[..., 5, :])
    response = torch.ones_like(w).expand(*sos.shape[:-2], -1)
    for ratio in (b / a).unbind(-2):  # torch.prod looks for zeros first, and so waits for the device
        response = response * ratio
    return response


def sos_response_eagerly(sos: Tensor, nfft: int, alias_decay_db: float, dtype: torch.dtype) -> Tensor:
    """The product of sections on the circle."""
    angle = torch.arange(nfft // 2 + 1, dtype=torch.float64, device=sos.device) * (-2 * math.pi / nfft)
    radius = torch.full_like(angle, math.exp(log_gamma(nfft, alias_decay_db)))
    return _product(sos, torch.polar(radius, angle)).to(dtype)


def _points(nfft: int, alias_decay_db: float) -> np.ndarray:
    """z^-1 at the points, and a few more to fill vectors."""
    w = delay_response(torch.ones((), dtype=torch.int64), nfft, alias_decay_db, torch.complex128)
    return pairs(torch.nn.functional.pad(w, (0, 8)), 1)[0]


def _forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any, *settings: Any) -> None:
    from ..cpu import sos_response as cpu
    from ..cpu.spectra import pieces

    read = (as_rows(inputs.sos.flatten(-2), 1), _points(*settings[:2]))
    count = math.prod(batch_shape) * pieces(outputs.response.shape[-1])
    run_rows(cpu.sos_pieces, count, 1, *read, pairs(outputs.response, 1))


def _backward(
    batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any, *settings: Any
) -> list[Tensor]:
    from ..cpu import sos_response as cpu
    from ..cpu.spectra import pieces

    parts = pieces(grads.response.shape[-1])
    slope = torch.empty(*batch_shape, parts, *inputs.sos.shape[-2:], dtype=torch.float64)
    read = (pairs(grads.response, 1), as_rows(inputs.sos.flatten(-2), 1), _points(*settings[:2]))
    run_rows(cpu.sos_slope_pieces, math.prod(batch_shape) * parts, 1, *read, as_rows(slope.flatten(-2), 2))
    return [slope.sum(-3)]


_sos_response = define(
    "lti_sos_response",
    {"sos": 2},
    {"response": lambda sos, nfft, alias_decay_db, dtype: ((nfft // 2 + 1,), dtype)},
    sos_response_eagerly,
    Kernel(_forward, _backward),
    settings={"nfft": int, "alias_decay_db": float, "dtype": torch.dtype},
)


@where_float64_is
def sos_response(sos: Tensor, nfft: int, alias_decay_db: float = 0.0, dtype: torch.dtype = torch.complex64) -> Tensor:
    r"""Return the product of second-order sections on the upper half of a circle.

    .. math:: H(z) = \prod_s \frac{b_{s0} + b_{s1} z^{-1} + b_{s2} z^{-2}}{a_{s0} + a_{s1} z^{-1} + a_{s2} z^{-2}}

    at the points of ``delay_response``. Computed in float64 whatever ``dtype`` is, and so is the gradient: at low
    frequencies the terms of a section cancel almost wholly.

    Args:
        sos: (..., S, 6), rows b0 b1 b2 a0 a1 a2; float64 for accuracy.
        nfft: points of the whole circle.
        alias_decay_db: decay over nfft samples, dB, which sets the radius.
        dtype: complex64 or complex128.

    Returns:
        (..., nfft // 2 + 1); inf or NaN at a pole.

    Raises:
        TypeError: a dtype that is not complex.
        ValueError: sections of another shape, or an nfft below 1.

    References:
        A. V. Oppenheim and R. W. Schafer, Discrete-Time Signal Processing, 3rd ed., Pearson 2010, equation 6.37.
    """
    check_circle("sos_response", nfft, dtype)
    _check(sos)
    return _sos_response(sos.double(), nfft, float(alias_decay_db), dtype)


def sos_at(sos: Tensor, z: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return the product of second-order sections (..., S, 6) at points z of any shape: (..., *z.shape).

    Args:
        sos: rows b0 b1 b2 a0 a1 a2; computed in float64.
        z: complex points, none of them 0.
        dtype: of the response; that of z where None.

    Raises:
        ValueError: sections of another shape.
    """
    _check(sos)
    response = _product(sos, z.to(torch.complex128).flatten().reciprocal()).to(dtype or z.dtype)
    return response.unflatten(-1, z.shape) if z.dim() else response.squeeze(-1)


def _check(sos: Tensor) -> None:
    if sos.dim() < 2 or sos.shape[-1] != 6:
        raise ValueError(f"sections must be (..., S, 6), rows b0 b1 b2 a0 a1 a2; got {tuple(sos.shape)}")
