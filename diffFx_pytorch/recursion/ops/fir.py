"""A short convolution as an operator: the zeros of a filter, summed and returned in float64 for the poles to come."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels import run_rows

from ..checks import state_dtype
from .lags import as_array, batch_first, row_numbers
from .transforms import with_transforms


@torch.library.custom_op("diffFx::fir", mutates_args=())
def _fir(x: Tensor, b: Tensor) -> Tensor:
    """``y[t] = sum_k b[k] x[t - k]``: x (..., T), b (..., K) broadcast; y in float64 or complex128."""
    wide, samples = state_dtype(x.dtype), x.shape[-1]
    x, b = x.to(wide), b.to(wide)
    lags = b.shape[-1] - 1
    past = torch.nn.functional.pad(x, (lags, 0))
    total = b[..., :1] * x
    for k in range(1, lags + 1):
        total = total + b[..., k, None] * past[..., lags - k : lags - k + samples]
    return total


@_fir.register_kernel("cpu")
def _fir_cpu(x: Tensor, b: Tensor) -> Tensor:
    from ..cpu.fir import fir_rows

    if x.dtype == torch.complex64:
        x = x.to(torch.complex128)
    lead, samples = torch.broadcast_shapes(x.shape[:-1], b.shape[:-1]), x.shape[-1]
    y = torch.empty((*lead, samples), dtype=state_dtype(x.dtype))
    signal = as_array(x).reshape(x.shape[:-1].numel(), samples)
    taps = as_array(b.to(y.dtype)).reshape(-1, b.shape[-1])
    x_row, b_row = row_numbers(x.shape[:-1], lead), row_numbers(b.shape[:-1], lead)
    run_rows(fir_rows, lead.numel(), 1, signal, taps, x_row, b_row, as_array(y).reshape(lead.numel(), samples))
    return y


@_fir.register_fake
def _(x: Tensor, b: Tensor) -> Tensor:
    lead = torch.broadcast_shapes(x.shape[:-1], b.shape[:-1])
    return x.new_empty((*lead, x.shape[-1]), dtype=state_dtype(x.dtype))


def _setup(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)
    ctx.save_for_forward(*inputs)


def _backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, Tensor | None]:
    x, b = ctx.saved_tensors
    grad_x = grad_b = None
    if ctx.needs_input_grad[0]:
        grad_x = fir(grad_y.flip(-1), b.to(grad_y.dtype).conj()).flip(-1).sum_to_size(x.shape).to(x.dtype)
    if ctx.needs_input_grad[1]:
        samples, wide = x.shape[-1], x.to(grad_y.dtype)
        products = []
        for k in range(b.shape[-1]):
            late, early = grad_y[..., min(k, samples) :], wide[..., : max(samples - k, 0)]
            products.append(torch.linalg.vecdot(early, late))
        grad_b = torch.stack(products, dim=-1).sum_to_size(b.shape).to(b.dtype)
    return grad_x, grad_b


def _tangent(ctx: Any, dx: Tensor | None, db: Tensor | None) -> Tensor:
    x, b = ctx.saved_tensors
    total = fir(x if dx is None else dx, torch.zeros_like(b) if dx is None else b)
    return total if db is None else total + fir(x, db)


def _batched(info: Any, dims: Any, x: Tensor, b: Tensor) -> tuple[Tensor, int]:
    return fir(*batch_first(info.batch_size, dims, (x, b), (1, 1))), 0


fir = with_transforms(_fir, _setup, _backward, _tangent, _batched)
