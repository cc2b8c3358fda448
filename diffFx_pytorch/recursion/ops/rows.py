"""Signals and parameters as rows: how shapes broadcast, and how kernels see them without copies.

The operators of the smoother and the delay line take every tensor with the same number of dimensions, leading ones
broadcastable and the last one time (or 1 for a constant). Kernels get two-dimensional arrays and, for each array,
an index that says which of its rows an output row reads; a coefficient shared by channels is never expanded.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.recursion.checks import check_signal as check_signal

AUDIO_DTYPES = (torch.float32, torch.float64)


def parameter_rows(caller: str, name: str, value: Any, x: Tensor) -> Tensor:
    """A parameter with as many dimensions as ``x``: (..., 1) if it is constant in time, (..., T) if it moves.

    A value with fewer dimensions than ``x`` is constant and broadcasts against ``x.shape[:-1]``; one with as many
    dimensions has time last, of length T or 1.

    Raises:
        TypeError: neither a number nor a float tensor at least as wide as ``x``.
        ValueError: a shape that does not broadcast.
    """
    if isinstance(value, (bool, str)) or not isinstance(value, (Tensor, int, float, np.floating, np.integer)):
        raise TypeError(
            f"{caller}: {name} must be a float or a tensor, got {type(value).__name__}; use torch.as_tensor({name})."
        )
    if not isinstance(value, Tensor):
        return torch.full((1,) * x.ndim, float(value), dtype=torch.float64, device=x.device)
    if value.dtype not in AUDIO_DTYPES or (x.dtype == torch.float64 and value.dtype != torch.float64):
        raise TypeError(
            f"{caller}: {name} must be {x.dtype} like x, or float64, got {value.dtype}; "
            f"convert it with {name}.to({x.dtype})."
        )
    if value.device != x.device and value.ndim > 0:
        raise ValueError(f"{caller}: {name} is on {value.device}, x on {x.device}; move one with .to(device).")
    T = x.shape[-1]
    if value.ndim > x.ndim or (value.ndim == x.ndim and value.shape[-1] not in (1, T)):
        raise ValueError(
            f"{caller}: {name} of shape {tuple(value.shape)} does not fit x of shape {tuple(x.shape)}; give a constant "
            f"that broadcasts against {tuple(x.shape[:-1])}, or a moving {name} of shape (..., {T})."
        )
    rows = value.to(x.device) if value.ndim == x.ndim else value.to(x.device).unsqueeze(-1)
    return rows[(None,) * (x.ndim - rows.ndim)]


def broadcast_lead(caller: str, tensors: dict[str, Tensor]) -> tuple[int, ...]:
    """The leading shape all tensors broadcast to.

    Raises:
        ValueError: they do not; the message lists every shape.
    """
    try:
        return _broadcast([tuple(t.shape[:-1]) for t in tensors.values()])
    except RuntimeError:
        shapes = ", ".join(f"{name} {tuple(t.shape[:-1])}" for name, t in tensors.items())
        raise ValueError(f"{caller}: leading shapes do not broadcast: {shapes} (time left out).") from None


def lead_of(*tensors: Tensor | None) -> tuple[int, ...]:
    """Broadcast leading shape of the tensors that are given; for use inside operators."""
    return _broadcast([tuple(t.shape[:-1]) for t in tensors if t is not None])


def _broadcast(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    # torch.broadcast_shapes takes a tenth of a millisecond, which short blocks would pay many times.
    wide = tuple(max(sizes) if 0 not in sizes else 0 for sizes in zip(*shapes, strict=False))
    if all(len(s) == len(wide) and all(n in (1, w) for n, w in zip(s, wide, strict=True)) for s in shapes):
        return wide
    return tuple(torch.broadcast_shapes(*shapes))


@functools.lru_cache(maxsize=256)
def row_index(lead: tuple[int, ...], out_lead: tuple[int, ...]) -> np.ndarray:
    """For each row of ``out_lead``, flattened, the row of an array of leading shape ``lead`` that it reads."""
    index = np.arange(math.prod(lead), dtype=np.int64).reshape(lead)
    # Always a copy: a view of a broadcast is read-only, which to Numba is another type, and kernels that take several
    # of these were compiled anew for every mixture.
    return np.array(np.broadcast_to(index, out_lead), order="C").reshape(-1)


def as_rows(t: Tensor) -> np.ndarray:
    """A CPU tensor (..., L) as a contiguous array (rows, L)."""
    return t.detach().contiguous().view(math.prod(t.shape[:-1]), t.shape[-1]).numpy()
