"""State variable filters between control points: as scans, which join the coefficients where they use them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from torch import Tensor

from diffFx_pytorch.kernels.cuda import countable

from . import sections


def serves(inputs: Any) -> bool:
    """All that can be counted."""
    return countable((inputs.x, 1))


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::svf_points``."""
    x, points, at, zi = inputs
    sections.forward(batch_shape, (x, points, zi), outputs, at)


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    """As `Kernel.backward`."""
    x, points, at, zi = inputs
    given = SimpleNamespace(x=x, coef=points, zi=zi)
    asked = SimpleNamespace(coef=needs.points)
    to_x, to_points, to_zi = sections.backward(batch_shape, grads, given, saved, asked, at)
    return [to_x, to_points, None, to_zi]
