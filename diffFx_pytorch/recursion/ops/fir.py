"""A short convolution as an operator: the zeros of a filter, summed and returned in float64 for the poles to come."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels import Kernel, define, run_rows
from diffFx_pytorch.kernels.rows import as_rows, indexed_rows

from ..checks import state_dtype


def _equation(x: Tensor, b: Tensor) -> Tensor:
    wide, samples, lags = state_dtype(x.dtype), x.shape[-1], b.shape[-1] - 1
    x, b = x.to(wide), b.to(wide)
    past = torch.nn.functional.pad(x, (lags, 0))
    total = b[..., :1] * x
    for k in range(1, lags + 1):
        total = total + b[..., k, None] * past[..., lags - k : lags - k + samples]
    return total


def _forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    from ..cpu.fir import fir_rows

    x, b = inputs
    x = x.to(torch.complex128) if x.dtype == torch.complex64 else x
    (signal, x_row), (taps, b_row) = (
        indexed_rows(x, 1, batch_shape),
        indexed_rows(b.to(outputs.y.dtype), 1, batch_shape),
    )
    y = as_rows(outputs.y)
    run_rows(fir_rows, len(y), 1, signal, taps, x_row, b_row, y)


def _backward(_: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    (x, b), grad_y = inputs, grads.y
    grad_x = grad_b = None
    if needs.x:
        grad_x = fir(grad_y.flip(-1), b.to(grad_y.dtype).conj()).flip(-1)
    if needs.b:
        samples, wide = x.shape[-1], x.to(grad_y.dtype)
        lags = range(b.shape[-1])
        pairs = [(grad_y[..., min(k, samples) :], wide[..., : max(samples - k, 0)]) for k in lags]
        grad_b = torch.stack([torch.linalg.vecdot(early, delayed) for delayed, early in pairs], dim=-1)
    return [grad_x, grad_b]


def _tangent(inputs: Any, _: Any, along: Any) -> Tensor:
    (x, b), (dx, db) = inputs, along
    total = fir(x if dx is None else dx, torch.zeros_like(b) if dx is None else b)
    return total if db is None else total + fir(x, db)


fir = define(
    "fir",
    inputs={"x": 1, "b": 1},
    outputs={"y": lambda x, _: (x.shape[-1:], state_dtype(x.dtype))},
    equation=_equation,
    kernel=Kernel(_forward, _backward),
    tangent=_tangent,
)
"""``y[t] = sum_k b[k] x[t - k]``: x (..., T), b (..., K) broadcast; y in float64 or complex128."""
