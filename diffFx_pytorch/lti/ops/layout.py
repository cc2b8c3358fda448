"""How spectra broadcast, and how kernels see them: as real arrays with complex numbers as neighbouring pairs.

The points of a spectrum are its last axis, of length M, or 1 where it does not depend on frequency.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels.rows import IndexedRows, as_rows, batch_shape_of, broadcast_shape, coefficient_of_row

COMPLEX = (torch.complex64, torch.complex128)
REAL_OF = {torch.complex64: torch.float32, torch.complex128: torch.float64}  # torch.compile knows no dtype.to_real()


def points_of(*tensors: Tensor | None) -> int:
    """Return the number of points that tensors broadcast to.

    Raises:
        RuntimeError: they do not.
    """
    return broadcast_shape(*(t.shape[-1:] for t in tensors if t is not None))[0]


def check_shapes(caller: str, shapes: dict[str, tuple[Tensor | None, int]]) -> None:
    """Refuse batch shapes and numbers of points that do not broadcast.

    Args:
        caller: for the message.
        shapes: each tensor and its number of core axes, by name; the last of three, or of two that are no matrix, are
            the points.

    Raises:
        ValueError: with every shape.
    """
    listed = ", ".join(f"{name} {tuple(t.shape)}" for name, (t, _) in shapes.items() if t is not None)
    try:
        batch_shape_of(*shapes.values())
    except RuntimeError:
        raise ValueError(f"{caller}: batch dimensions do not broadcast: {listed}.") from None
    try:
        points_of(*(t for name, (t, core) in shapes.items() if name != "matrix" or core == 3))
    except RuntimeError:
        raise ValueError(f"{caller}: numbers of points, the last axes, do not broadcast: {listed}.") from None


def pairs(t: Tensor, core: int) -> np.ndarray:
    """A CPU tensor (*batch, *core) as an array (rows, *core); complex numbers are pairs along the last axis."""
    rows = as_rows(t, core)
    return rows.view(f"f{rows.itemsize // 2}") if t.is_complex() else rows


def indexed_pairs(t: Tensor | None, core: int, batch_shape: Sequence[int], like: Tensor) -> IndexedRows:
    """``pairs`` and the index of the row that each output row reads; of None, arrays of no size."""
    if t is None:
        return IndexedRows(pairs(like.new_empty((0,) * (core + 1)), core), np.zeros(0, np.int64))
    return IndexedRows(pairs(t, core), coefficient_of_row(t, core, batch_shape))
