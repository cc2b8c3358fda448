"""How shapes broadcast, and how kernels see tensors: as contiguous arrays of rows, without expanding what rows share.

A tensor of an operator is (*batch_shape, *core): the batch dimensions come first and broadcast as torch broadcasts, the
core axes (time, coefficients, states) come last. A kernel gets each tensor as an array (rows, *core), and beside it an
index that names, for each row of the output, the row of this array that it reads.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .bound import refreshed
from .transforms import is_traced


def denormal_threshold(dtype: torch.dtype) -> float:
    """The magnitude below which a state is set to zero: far under the noise of the dtype, far over its denormals.

    Arithmetic with denormal numbers takes a hundred times as long; with this rule silence stays fast.
    """
    return 1e-290 if dtype in (torch.float64, torch.complex128) else 1e-30


def broadcast_shape(*shapes: Sequence[int]) -> tuple[int, ...]:
    """``torch.broadcast_shapes``, which takes a tenth of a millisecond and imports sympy, in less.

    Raises:
        RuntimeError: the shapes do not broadcast.
    """
    if is_traced():
        return _broadcast_shape(shapes)
    try:
        return _remembered_shape(shapes)
    except TypeError:  # symbolic sizes have no hash
        return _broadcast_shape(shapes)


def _broadcast_shape(shapes: tuple[Sequence[int], ...]) -> tuple[int, ...]:
    if all(shape == shapes[0] for shape in shapes):
        return tuple(shapes[0])
    return tuple(torch.broadcast_shapes(*shapes))


@functools.lru_cache(maxsize=1024)
def _remembered_shape(shapes: tuple[Sequence[int], ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*map(tuple, shapes))
    except ValueError:
        return _broadcast_shape(shapes)  # for torch's error


def batch_shape_of(*tensors: tuple[Tensor | None, int]) -> tuple[int, ...]:
    """The batch shape that all tensors broadcast to; each comes with its number of core axes, None is left out."""
    return broadcast_shape(*[t.shape[: t.dim() - core] for t, core in tensors if t is not None])


@functools.lru_cache(maxsize=256)
def _coefficient_of_row(own: tuple[int, ...], batch_shape: tuple[int, ...]) -> np.ndarray:
    index = np.arange(math.prod(own), dtype=np.int64).reshape(own)
    # Always a copy: a view of a broadcast is read-only, which to Numba is another type, and kernels that take several
    # of these would be compiled anew for every mixture.
    return np.array(np.broadcast_to(index, batch_shape), order="C").reshape(-1)


def coefficient_of_row(t: Tensor, core: int, batch_shape: Sequence[int]) -> np.ndarray:
    """For each row of ``batch_shape``, flattened, the row of ``as_rows(t, core)`` that it reads."""
    return _coefficient_of_row(tuple(t.shape[: t.dim() - core]), tuple(batch_shape))


def flat_rows(t: Tensor, core: int) -> Tensor:
    """A tensor (*batch, *core) as (rows, *core), contiguous, detached."""
    if t.is_conj() or t.is_neg():
        t = t.resolve_conj().resolve_neg()
    t = refreshed((t.detach() if t.requires_grad else t).contiguous(), t)
    axes = t.dim() - core
    return t if axes == 1 else t.view(math.prod(t.shape[:axes]), *t.shape[axes:])


def whole_rows(t: Tensor, core: int, batch_shape: Sequence[int]) -> Tensor:
    """``flat_rows`` with one row for each of ``batch_shape``: what rows share is repeated."""
    return flat_rows(_expanded(t, core, batch_shape), core)


def _expanded(t: Tensor, core: int, batch_shape: Sequence[int]) -> Tensor:
    shape = t.shape
    axes = len(shape) - core
    return t if shape[:axes] == batch_shape else t.expand(*batch_shape, *shape[axes:])


def _as_array(t: Tensor) -> np.ndarray:
    whole = t.detach().resolve_conj().resolve_neg() if t.requires_grad or t.is_conj() or t.is_neg() else t
    return refreshed(whole.contiguous(), t).numpy()


def as_rows(t: Tensor, core: int = 1) -> np.ndarray:
    """A CPU tensor (*batch, *core) as a contiguous array (rows, *core); a view where the tensor is contiguous."""
    # Numpy slices and reshapes in a fraction of torch's time, which counts in blocks of a few hundred samples.
    return _flat(_as_array(t), core)


def _flat(array: np.ndarray, core: int) -> np.ndarray:
    shape = array.shape
    axes = len(shape) - core
    return array if axes == 1 else array.reshape(math.prod(shape[:axes]), *shape[axes:])


def as_whole_rows(t: Tensor, core: int, batch_shape: Sequence[int]) -> np.ndarray:
    """``as_rows`` with one row for each of ``batch_shape``: what rows share is repeated."""
    return as_rows(_expanded(t, core, batch_shape), core)


class IndexedRows(NamedTuple):
    """What a kernel reads of a tensor that rows may share: output row r reads ``values[row[r]]``."""

    values: np.ndarray
    row: np.ndarray


def indexed_rows(t: Tensor, core: int, batch_shape: Sequence[int]) -> IndexedRows:
    """``as_rows`` and ``coefficient_of_row`` together."""
    array = _as_array(t)
    own = array.shape[: array.ndim - core]
    return IndexedRows(_flat(array, core), _coefficient_of_row(own, tuple(batch_shape)))
