"""Between tensors of any leading shape and kernels that know rows: numbering, batching, lags."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def as_array(x: Tensor) -> np.ndarray:
    """The contiguous numpy view of a CPU tensor; a copy only where it is not contiguous or lazily conjugated."""
    return x.detach().contiguous().resolve_conj().resolve_neg().numpy()


def tiny_state(dtype: torch.dtype) -> float:
    """Below this a state is silence: far under the noise of the type, far above its denormal numbers."""
    return 1e-290 if dtype in (torch.float64, torch.complex128) else 1e-30


@functools.lru_cache(maxsize=64)
def row_numbers(shape: tuple[int, ...], lead: tuple[int, ...]) -> np.ndarray:
    """For each row of the broadcast shape ``lead``, flattened, the row of ``shape``, flattened, that it reads."""
    rows = np.arange(math.prod(shape), dtype=np.int64).reshape(shape)
    # Always a copy: a view of a broadcast is read-only, to Numba another type, for which kernels are compiled anew.
    return np.array(np.broadcast_to(rows, lead), order="C").reshape(-1)


def batch_first(
    size: int,
    dims: Sequence[int | None],
    values: Sequence[Tensor | None],
    cores: Sequence[int],
    expand: bool = False,
) -> list:
    """Put the axis ``vmap`` adds before all leading axes, where it broadcasts like any other.

    Args:
        size: length of the added axis.
        dims: where it stands in each value; None where a value lacks it.
        values: tensors, or None.
        cores: number of trailing axes of each that are not leading axes.
        expand: give the axis, in its full length, to values that lack it too.

    Returns:
        The values, those with the added axis all of the same number of leading axes.
    """
    leads = [v.dim() - c - (d is not None) for v, d, c in zip(values, dims, cores, strict=True) if v is not None]
    deepest = max(leads)
    result = []
    for v, d, c in zip(values, dims, cores, strict=True):
        if v is None or (d is None and not expand):
            result.append(v)
            continue
        v = v.expand(size, *v.shape) if d is None else v.movedim(d, 0)
        lack = deepest - (v.dim() - 1 - c)
        result.append(v.reshape(size, *[1] * lack, *v.shape[1:]))
    return result


def with_past(y: Tensor, zi: Tensor | None, order: int) -> Tensor:
    """(..., N + T): the past, oldest first, then the signal; differentiable."""
    if zi is None:
        return torch.nn.functional.pad(y, (order, 0))
    lead = torch.broadcast_shapes(y.shape[:-1], zi.shape[:-1])
    past = zi.flip(-1).to(y.dtype)
    return torch.cat([past.expand(*lead, order), y.expand(*lead, y.shape[-1])], dim=-1)


def lagged_sum(c: Tensor, y: Tensor, zi: Tensor | None, moving: bool) -> Tensor:
    """``sum_i c[t, i] y[t - i]`` over lags 1 to N; c is (..., T, N) if it moves, else (..., N); differentiable."""
    order, samples = c.shape[-1], y.shape[-1]
    past = with_past(y, zi, order)
    total = torch.zeros((), dtype=y.dtype, device=y.device)
    for i in range(1, order + 1):
        weight = c[..., i - 1] if moving else c[..., i - 1, None]
        total = total + weight * past[..., order - i : order - i + samples]
    return total


def spread_lags(g: Tensor, c: Tensor, moving: bool) -> Tensor:
    """The adjoint of :func:`lagged_sum` in the past and the signal: (..., N + T), oldest first; differentiable."""
    order = c.shape[-1]
    total = torch.zeros((), dtype=g.dtype, device=g.device)
    for i in range(1, order + 1):
        weight = c[..., i - 1] if moving else c[..., i - 1, None]
        total = total + torch.nn.functional.pad(g * weight.conj(), (order - i, i))
    return total


def lag_products(g: Tensor, v: Tensor, zi: Tensor | None, order: int, moving: bool) -> Tensor:
    """``g[t] conj(v[t - i])`` over lags 1 to N: (..., T, N), or its sum over time (..., N); differentiable."""
    samples = g.shape[-1]
    past = with_past(v, zi, order).conj()
    lags = [g * past[..., order - i : order - i + samples] for i in range(1, order + 1)]
    return torch.stack(lags if moving else [lag.sum(-1) for lag in lags], dim=-1)
