"""How spectra broadcast, and how kernels see them without copies.

Operators take tensors with equally many leading dimensions, which broadcast; the points are the last axis, of length
M or, for what does not depend on frequency, 1. Kernels get arrays of items, (items, ...), real numbers in the place of
complex ones, and for each array an index that says which of its items an item of the result reads.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

COMPLEX = (torch.complex64, torch.complex128)
REAL_OF = {torch.complex64: torch.float32, torch.complex128: torch.float64}  # torch.compile knows no dtype.to_real()


def same_lead(*tensors: tuple[Tensor | None, int]) -> list[Tensor | None]:
    """Tensors, each with the number of its trailing dimensions, with equally many leading ones."""
    most = max(t.dim() - own for t, own in tensors if t is not None)
    return [None if t is None else t[(None,) * (most - t.dim() + own)] for t, own in tensors]


def lead_of(*tensors: tuple[Tensor | None, int]) -> tuple[int, ...]:
    """The leading shape all broadcast to; each tensor with the number of its trailing dimensions."""
    return tuple(torch.broadcast_shapes(*(t.shape[: t.dim() - own] for t, own in tensors if t is not None)))


def points_of(*tensors: Tensor | None) -> int:
    """The number of points tensors broadcast to."""
    return torch.broadcast_shapes(*((t.shape[-1],) for t in tensors if t is not None))[0]


def check_shapes(caller: str, shapes: dict[str, tuple[Tensor | None, int]]) -> None:
    """Refuse leading shapes and numbers of points that do not broadcast.

    Raises:
        ValueError: with every shape.
    """
    given = {name: (t, own) for name, (t, own) in shapes.items() if t is not None}
    listed = ", ".join(f"{name} {tuple(t.shape)}" for name, (t, _) in given.items())
    try:
        lead_of(*given.values())
    except RuntimeError:
        raise ValueError(f"{caller}: leading dimensions do not broadcast: {listed}.") from None
    try:
        points_of(*(t if name != "matrix" or own == 3 else None for name, (t, own) in given.items()))
    except RuntimeError:
        raise ValueError(f"{caller}: numbers of points, the last axes, do not broadcast: {listed}.") from None


@functools.lru_cache(maxsize=256)
def _items(lead: tuple[int, ...], out_lead: tuple[int, ...]) -> np.ndarray:
    index = np.arange(math.prod(lead), dtype=np.int64).reshape(lead)
    # Always a copy: a view of a broadcast is read-only, which to Numba is another type.
    return np.array(np.broadcast_to(index, out_lead), order="C").reshape(-1)


def item_index(t: Tensor, own: int, lead: tuple[int, ...]) -> np.ndarray:
    """Which item of ``t``, with ``own`` trailing dimensions, each item of ``lead``, flattened, reads."""
    return _items(tuple(t.shape[: t.dim() - own]), lead)


def items(t: Tensor, own: int) -> np.ndarray:
    """A CPU tensor as a contiguous array of items, complex numbers as neighbours along the last axis."""
    t = t.detach().resolve_conj().resolve_neg().contiguous()
    t = t.view(math.prod(t.shape[: t.dim() - own]), *t.shape[t.dim() - own :])
    if t.is_complex():
        t = torch.view_as_real(t).flatten(-2)
    return t.numpy()


def with_absent(t: Tensor | None, own: int, like: Tensor, lead: tuple[int, ...]) -> tuple[Any, np.ndarray]:
    """``items`` and ``item_index``; of nothing, an array of no size, which a kernel takes as ones."""
    if t is None:
        nothing = torch.empty((0,) * (own + 1), dtype=REAL_OF[like.dtype]).numpy()
        return nothing, np.zeros(math.prod(lead), np.int64)
    return items(t, own), item_index(t, own, lead)
