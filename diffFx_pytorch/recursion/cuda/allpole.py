"""The all-pole recursion of first order on CUDA devices."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.cuda import shared_rows

from . import first_order


def serves(inputs: Any) -> bool:
    """First order, real."""
    return inputs.a.shape[-1] == 1 and not inputs.x.dtype.is_complex


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::allpole``."""
    x, a, zi = inputs
    signal, c, start = (shared_rows(t, 1, batch_shape) for t in (x, a.squeeze(-1), zi))
    outputs.zf.copy_(first_order.scan(signal, c, start, outputs.y).view(outputs.zf.shape))


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    """As `Kernel.backward`: the same recursion over the reversed signal."""
    a, samples = inputs.a.squeeze(-1), grads.y.shape[-1]
    g = grads.y.new_empty(*batch_shape, samples)
    signal, c, end = (shared_rows(t, 1, batch_shape) for t in (grads.y, a, grads.zf))
    first_order.scan(signal, c, end, g, back=True)
    grad_zi = -(a[..., :1].double() * g[..., :1])
    if not needs.a:
        return [g, None, grad_zi]
    before = torch.cat([inputs.zi.to(g.dtype).expand(*batch_shape, 1), saved.y[..., :-1]], -1)
    grad_a = -(g * before)
    if a.shape[-1] == 1:
        grad_a = grad_a.sum(-1, keepdim=True, dtype=torch.float64)
    return [g, grad_a.unsqueeze(-1), grad_zi]
