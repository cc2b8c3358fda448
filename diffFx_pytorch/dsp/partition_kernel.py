"""Convolution of blocks by partitions on the CPU, as one kernel: its memory, its tables, and how it is called."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..kernels.bound import computed, stays
from ..kernels.rows import as_rows, broadcast_shape, indexed_rows
from ..kernels.threads import bound_rows
from ..kernels.transforms import needs_grad, runs_eagerly

LEAST = 256
"""Samples of the smallest frame."""
_GROWTH, _LAST = 4, 16384
_ALIGNED = 16
_ALONE = 1 << 15
"""Samples of a piece of work for a thread of its own."""


class Layout(NamedTuple):
    """Where things lie; the tables are those of ``cpu.partition_rows``."""

    levels: np.ndarray
    sizes: np.ndarray
    parts: np.ndarray
    factors: np.ndarray
    memory: int
    """Numbers of the memory of an item."""
    first: int
    """Samples of a frame of the first level."""


def sizes_of(taps: int, first: int) -> list[int]:
    """Samples of a frame of each level, for a response of so many taps and the first of them."""
    sizes = [first]
    while sizes[-1] * _GROWTH <= _LAST and taps > 4 * _GROWTH * sizes[-1]:
        sizes.append(sizes[-1] * _GROWTH)
    return sizes


@functools.lru_cache(maxsize=64)
def layout(taps: int, first: int, inputs: int, outputs: int, late: bool, dtype: torch.dtype) -> Layout:
    """Where things lie for a response.

    Args:
        taps: its length, latency included.
        first: samples of a frame of the first level.
        inputs: of an item.
        outputs: of an item.
        late: whether the first frame of the response is silent.
        dtype: float32 or float64.
    """
    from .cpu.odd_transform import factors

    sizes = sizes_of(taps, first)
    parts = [first, *(2 * size for size in sizes[1:]), max(taps, first)]
    longest = sizes[-1]
    ring = 3 * longest
    rows, tables, pairs, at = [], [], 2 * first, inputs * ring
    for level, size in enumerate(sizes):
        terms = -(-(parts[level + 1] - parts[level]) // size)
        slots = terms if level else terms + 1
        spectra, sums = at, at + 2 * inputs * size * slots
        given = sums + 2 * outputs * size * (1 if level else 2)
        at = given + (2 * outputs * size if level else 0)
        rows.append((size, terms, slots, spectra, sums, given, pairs, sum(map(len, tables))))
        tables.append(factors(size, np.float32 if dtype == torch.float32 else np.float64))
        pairs += 2 * size * terms
    return Layout(
        np.array(rows),
        np.array([inputs, outputs, ring, pairs, late]),
        np.array(parts),
        np.concatenate(tables),
        at,
        first,
    )


def serves(x: Tensor, h: Tensor, *state: Tensor) -> bool:
    """Whether the kernel computes this: real sound on the CPU, of which nobody asks for a derivative."""
    return (
        x.dtype == h.dtype
        and x.dtype in (torch.float32, torch.float64)
        and runs_eagerly((x, h, *state))
        and not needs_grad(x, h, *state)
    )


def spectra_of(h: Tensor, latency: int, found: Layout) -> Tensor:
    """What ``block`` takes for a response: h (..., O, I, L) to (..., O I, numbers)."""
    shape = (*h.shape[:-3], h.shape[-3] * h.shape[-2], int(found.sizes[3]))
    spectra = h.new_empty(shape)
    computed(_bind_spectra, (), (h,), (spectra,), latency, found)
    return spectra


def _bind_spectra(_: Any, inputs: Any, outputs: Any, latency: int, found: Layout) -> Callable[[], None]:
    from .cpu.partition_rows import response_rows

    taps, spectra = as_rows(inputs[0]), as_rows(outputs[0])
    return bound_rows(
        response_rows,
        len(spectra),
        1,
        taps,
        latency,
        found.factors,
        found.levels,
        found.parts,
        spectra,
        room=lambda: (np.empty(2 * int(found.levels[-1, 0]), spectra.dtype),),
    )


def block(x: Tensor, spectra: Tensor, memory: Tensor, clock: Tensor, found: Layout) -> tuple[Tensor, Tensor, Tensor]:
    """One block of each item.

    Args:
        x: (..., I, T), T at least 1.
        spectra: (..., O I, numbers); leading dimensions broadcast.
        memory: (..., M), of all leading dimensions; zeros are silence.
        clock: (1,), int64, samples before the block.
        found: of the spectra.

    Returns:
        Output (..., O, T), memory and clock.
    """
    batch_shape = broadcast_shape(x.shape[:-2], spectra.shape[:-2])
    y = x.new_empty(*batch_shape, int(found.sizes[1]), x.shape[-1])
    outputs = y, y.new_empty(memory.shape), clock.new_empty(clock.shape)
    computed(_bind, batch_shape, (x, spectra, memory, clock), outputs, found)
    return outputs


def _bind(batch_shape: tuple[int, ...], inputs: Any, outputs: Any, found: Layout) -> Callable[[], None]:
    from .cpu.partition_rows import convolve_rows

    (x, spectra, before, clock), (y, after, next_clock) = inputs, outputs
    if x.shape[-1] <= found.first and stays(before, after):
        before = after
    items = math.prod(batch_shape)
    written = as_rows(after)
    return bound_rows(
        convolve_rows,
        items,
        max(1, _ALONE // x.shape[-1]),
        *indexed_rows(x, 2, batch_shape),
        *_flat_spectra(spectra, batch_shape),
        written if before is after else as_rows(before),
        written,
        clock.numpy(),
        found.factors,
        found.levels,
        found.sizes,
        as_rows(y, 2),
        next_clock.numpy(),
        room=lambda: tuple(
            np.empty(2 * int(count), written.dtype)
            for count in (found.levels[-1, 0], found.sizes[0] * found.levels[0, 0])
        ),
    )


def _flat_spectra(spectra: Tensor, batch_shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    values, row = indexed_rows(spectra, 2, batch_shape)
    return values.reshape(len(values), -1), row


def fresh(like: Tensor, batch_shape: tuple[int, ...], found: Layout) -> tuple[Tensor, Tensor]:
    """Memory and clock of silence."""
    return like.new_zeros(*batch_shape, found.memory), torch.zeros(1, dtype=torch.int64, device=like.device)
