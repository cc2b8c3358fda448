"""State variable filters between control points: joined to the coefficients of every sample, then filtered by scans."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.recursion.control_points import join_points

from . import sections


def serves(inputs: Any) -> bool:
    """All."""
    return True


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::svf_points``."""
    x, points, at, zi = inputs
    coef = join_points(points.double(), at, x.shape[-1]).to(x.dtype)
    sections.forward(batch_shape, (x, coef, zi), outputs)


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    """As `Kernel.backward`."""
    x, points, at, zi = inputs

    def join(values: Tensor) -> Tensor:
        return join_points(values, at, grads.y.shape[-1])

    coef, pull = torch.func.vjp(join, points.double())[:2]
    given = SimpleNamespace(x=x, coef=coef.to(grads.y.dtype), zi=zi)
    to_x, to_coef, to_zi = sections.backward(batch_shape, grads, given, saved, SimpleNamespace(coef=needs.points))
    to_points = None
    if to_coef is not None:
        to_points = pull(to_coef.sum_to_size(coef.shape).double())[0]
    return [to_x, to_points, None, to_zi]
