"""The all-pole recursion on CUDA devices: of first order as a scan, constant of second order as a biquad."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.cuda import shared_rows

from . import cascade, first_order

LEAST = 1e-4
"""Of a2, over which the last outputs are read from the states, in float64."""


def serves(inputs: Any) -> bool:
    """Real; of first order, or constant, of second order and two samples or more."""
    if inputs.x.dtype.is_complex:
        return False
    order, moving = inputs.a.shape[-1], inputs.a.shape[-2] != 1
    return order == 1 or (order == 2 and not moving and inputs.x.shape[-1] > 1)


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::allpole``."""
    x, a, zi = inputs
    if a.shape[-1] == 2:
        _biquad(batch_shape, x, a, zi, outputs.y, outputs.zf)
        return
    signal, c, start = (shared_rows(t, 1, batch_shape) for t in (x, a.squeeze(-1), zi))
    outputs.zf.copy_(first_order.scan(signal, c, start, outputs.y).view(outputs.zf.shape))


def _biquad(batch_shape: tuple[int, ...], x: Tensor, a: Tensor, zi: Tensor, y: Tensor, zf: Tensor) -> None:
    """Fill the output and the last outputs of 1 / A, whose past outputs are states of transposed direct form 2."""
    coef = a.double()
    a1, a2 = coef[..., 0, :].unbind(-1)
    one, none = torch.ones_like(a1), torch.zeros_like(a1)
    sos = torch.stack([one, none, none, one, a1, a2], -1)[..., None, None, :]
    first, second = zi.double().unbind(-1)
    states = torch.stack([-a1 * first - a2 * second, -a2 * first], -1).unsqueeze(-2)
    end = zf.new_empty(*batch_shape, 1, 2)
    given = SimpleNamespace(x=x, coef=sos, zi=states.expand(*states.shape[:-2], 1, 2))
    cascade.forward(batch_shape, given, SimpleNamespace(y=y, zf=end, checkpoints=zf.new_empty(0, 0)))
    s1, s2 = end.squeeze(-2).unbind(-1)
    safe = torch.where(a2.abs() > LEAST, a2, 1.0)
    last = -s2 / safe
    read = torch.stack([last, -(s1 + a1 * last) / safe], -1)
    zf.copy_(torch.where((a2.abs() > LEAST).unsqueeze(-1), read, y[..., -2:].flip(-1)))


def _backward_biquad(
    batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any
) -> list[Tensor | None]:
    a, drive = inputs.a.double(), grads.y.expand(*batch_shape, -1).flip(-1)
    drive[..., :2] += grads.zf.to(drive.dtype)
    g = torch.empty_like(drive)
    zeros = grads.zf.new_zeros(2, dtype=torch.float64)
    _biquad(batch_shape, drive, inputs.a, zeros, g, torch.empty(*batch_shape, 2, dtype=zeros.dtype, device=g.device))
    g = g.flip(-1)
    a1, a2 = a[..., 0, :].unbind(-1)
    grad_zi = torch.stack([-a1 * g[..., 0] - a2 * g[..., 1], -a2 * g[..., 0]], -1)
    if not needs.a:
        return [g, None, grad_zi]
    past = torch.cat([inputs.zi.to(g.dtype).flip(-1).expand(*batch_shape, 2), saved.y[..., :-1]], -1)
    sums = [-(g * lagged).sum(-1, dtype=torch.float64) for lagged in (past[..., 1:], past[..., :-1])]
    return [g, torch.stack(sums, -1).unsqueeze(-2), grad_zi]


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    """As `Kernel.backward`: the same recursion over the reversed signal."""
    if inputs.a.shape[-1] == 2:
        return _backward_biquad(batch_shape, grads, inputs, saved, needs)
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
