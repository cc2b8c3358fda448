"""The hyperbolic tangent around a working point, with what it makes there that is not of odd harmonics."""

from __future__ import annotations

import torch
from torch import Tensor

from ..kernels import define, row_kernel
from .cpu.biased_tanh_rows import backward, forward


def _equation(t: Tensor, b: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    y = t * ((1 - b * b) / (1 + t * b))
    return y, (y - t).unflatten(-1, (t.shape[-1] // factor, factor)).mean(-1)


_shifted = define(
    "shifted_tanh",
    inputs={"t": 1, "b": 1},
    outputs={
        "y": lambda t, b, factor: (t.shape[-1:], t.dtype),
        "added": lambda t, b, factor: ((t.shape[-1] // factor,), t.dtype),
    },
    equation=_equation,
    kernel=row_kernel(forward, backward),
    settings={"factor": int},
)


def biased_tanh(u: Tensor, bias: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    r"""``y = tanh(u + b) - tanh(b)``, and the means over ``factor`` samples of ``y - tanh(u)``.

    By the addition theorem one hyperbolic tangent per sample does, and memory is passed once:

    .. math:: y = t \frac{1 - s^2}{1 + t s}, \qquad t = \tanh u, \quad s = \tanh b

    Args:
        u: (..., factor T).
        bias: b, (..., 1) or (..., factor T), no farther from 0 than a few: rounding is raised by e^(2 |b|).
        factor: samples of a mean.

    Returns:
        ``(y, added)``, (..., factor T) and (..., T).
    """
    y, added = _shifted(torch.tanh(u), torch.tanh(bias), factor)
    return y, added
