"""The all-pole recursion on CUDA devices: of first order as a scan, of second order as a biquad, else by samples."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.cuda import countable, shared_rows

from . import all_pole_rows, cascade, first_order, sections

LEAST = 1e-4
"""Of a2, over which the last outputs are read from the states, in float64."""


def serves(inputs: Any) -> bool:
    """Up to order 64."""
    counted = countable((inputs.x, 1), (inputs.a, 2))
    return inputs.x.shape[-1] > 0 and inputs.a.shape[-1] <= all_pole_rows.MOST and counted


def _is_scan(x: Tensor, a: Tensor) -> bool:
    """Real; of first order, or of second order and two samples or more."""
    order = a.shape[-1]
    return not x.dtype.is_complex and (order == 1 or (order == 2 and x.shape[-1] > 1))


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::allpole``."""
    x, a, zi = inputs
    if not _is_scan(x, a):
        all_pole_rows.forward(batch_shape, x, a, zi, outputs.y, outputs.zf)
        return
    if a.shape[-1] == 2:
        _second_order(batch_shape, x, a, zi, outputs.y, outputs.zf)
        return
    signal, c, start = (shared_rows(t, 1, batch_shape) for t in (x, a.squeeze(-1), zi))
    outputs.zf.copy_(first_order.scan(signal, c, start, outputs.y).view(outputs.zf.shape))


def _second_order(batch_shape: tuple[int, ...], x: Tensor, a: Tensor, zi: Tensor, y: Tensor, zf: Tensor) -> None:
    """Fill the output and the last outputs."""
    (_constant if a.shape[-2] == 1 else _moving)(batch_shape, x, a, zi, y, zf)


def _later(a: Tensor, samples: int) -> Tensor:
    """What stands so many samples later, zeros after the end."""
    return torch.nn.functional.pad(a[..., samples:], (0, samples))


def _moving(batch_shape: tuple[int, ...], x: Tensor, a: Tensor, zi: Tensor, y: Tensor, zf: Tensor) -> None:
    """As a biquad whose states multiply an output by the coefficients of the samples that they are for."""
    a1, a2 = a.double().unbind(-1)
    one, none = torch.ones_like(a1), torch.zeros_like(a1)
    sos = torch.stack([one, none, none, one, _later(a1, 1), _later(a2, 2)], -1).unsqueeze(-2)
    first, second = zi.double().unbind(-1)
    states = torch.stack([-a1[..., 0] * first - a2[..., 0] * second, -a2[..., 1] * first], -1).unsqueeze(-2)
    # Its states are outputs, so what the next block starts from is rounded no more than they are.
    wide = torch.empty_like(y, dtype=torch.float64)
    end = zf.new_empty(*batch_shape, 1, 2)
    sections.forward(
        batch_shape, (x.double(), sos, states), SimpleNamespace(y=wide, zf=end, checkpoints=end.new_empty(0, 0, 0))
    )
    y.copy_(wide)
    zf.copy_(wide[..., -2:].flip(-1))


def _constant(batch_shape: tuple[int, ...], x: Tensor, a: Tensor, zi: Tensor, y: Tensor, zf: Tensor) -> None:
    """As a biquad, whose states in transposed direct form 2 are sums of past outputs."""
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


def _backward_second_order(
    batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any
) -> list[Tensor | None]:
    a, drive = inputs.a.double(), grads.y.expand(*batch_shape, -1).flip(-1)
    drive[..., :2] += grads.zf.to(drive.dtype)
    a1, a2 = a.unbind(-1)
    moving = a.shape[-2] != 1
    backwards = torch.stack([_later(a1, 1), _later(a2, 2)], -1).flip(-2) if moving else a
    g, zeros = torch.empty_like(drive), grads.zf.new_zeros(2, dtype=torch.float64)
    _second_order(batch_shape, drive, backwards, zeros, g, zeros.new_empty(*batch_shape, 2))
    g = g.flip(-1)
    second = a2[..., 1 if moving else 0]
    grad_zi = torch.stack([-a1[..., 0] * g[..., 0] - second * g[..., 1], -a2[..., 0] * g[..., 0]], -1)
    if not needs.a:
        return [g, None, grad_zi]
    past = torch.cat([inputs.zi.to(g.dtype).flip(-1).expand(*batch_shape, 2), saved.y[..., :-1]], -1)
    grad_a = torch.stack([-g * past[..., 1:], -g * past[..., :-1]], -1)
    return [g, grad_a if moving else grad_a.sum(-2, keepdim=True, dtype=torch.float64), grad_zi]


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    """As `Kernel.backward`: the same recursion over the reversed signal."""
    if not _is_scan(grads.y, inputs.a):
        return all_pole_rows.backward(batch_shape, grads, inputs, saved, needs)
    if inputs.a.shape[-1] == 2:
        return _backward_second_order(batch_shape, grads, inputs, saved, needs)
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
