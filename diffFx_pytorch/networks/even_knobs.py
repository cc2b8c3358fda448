"""Gradients of knobs that a sound is sensitive to, and of those it is not, brought to one size."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_TINY = 1e-20


class _Even(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, positions: Tensor) -> Tensor:
        return positions.view_as(positions)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]  # of one output
        size = grad.abs().flatten(2).mean(-1) if grad.dim() > 2 else grad.abs()
        size = size.mean(0) + _TINY
        return grad * (size.mean() / size).reshape(1, -1, *[1] * (grad.dim() - 2))


def even_knobs(norm_params: Tensor) -> Tensor:
    """The same positions, whose gradients have the same mean size for every knob, the mean over all of them.

    A sound depends on some knobs a hundred times as much as on others, and a network that learns from the sound turns
    those first. Signs, and the proportions between items, stay. The gradient is no longer that of the loss: not for
    line searches and second derivatives.

    Args:
        norm_params: (B, P) or (B, P, F); a knob without a gradient keeps none.
    """
    return _Even.apply(norm_params)  # type: ignore[return-value]
