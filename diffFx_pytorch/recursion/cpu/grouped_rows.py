"""Groups of eight rows side by side that read inputs which rows may share: reading, writing, summing."""

from __future__ import annotations

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import SIDE, load, load_steps, store, store_steps, transpose

from .biquad_tile import audible

TILE = 64
"""Samples between checkpoints: what an adjoint computes again stays in the first- or second-level cache."""

AHEAD = 2 * TILE
"""Samples by which signals are asked for before they are needed."""


@njit(**INNER)
def gather(values, rows, count, into):  # pragma: no cover
    """``count`` numbers of each lane's row of ``values``, side by side."""
    flat = values.reshape(-1)
    for lane in range(SIDE):
        for n in range(count):
            into[n * SIDE + lane] = flat[rows[lane] * count + n]


@njit(**INNER)
def scatter(found, rows, valid, count, target):  # pragma: no cover
    """The way back of `gather`, for the lanes before ``valid``."""
    flat = target.reshape(-1)
    for lane in range(valid):
        for n in range(count):
            flat[rows[lane] * count + n] = found[n * SIDE + lane]


@njit(**INNER)
def find_heads(of_row, rows, heads):  # pragma: no cover
    """The first of the lanes that read one row, for each lane; those beyond the last row repeat it."""
    for lane in range(SIDE):
        same = lane > 0 and of_row[rows[lane]] == of_row[rows[lane - 1]]
        heads[lane] = heads[lane - 1] if same else lane


@njit(**INNER)
def write_sums(target, places, count, tile, valid, heads, scratch):  # pragma: no cover
    """As `write_tile`, the sums of the lanes that read one row; ``scratch`` holds TILE numbers a lane."""
    flat = target.reshape(-1)
    for i in range(0, count * SIDE, SIDE * SIDE):
        columns = transpose(load_steps(tile, i, SIDE, tile))
        store_steps(scratch, i // SIDE, TILE, columns)
    for lane in range(valid):
        if heads[lane] != lane:
            for i in range(0, TILE, SIDE):
                into = heads[lane] * TILE + i
                store(scratch, into, load(scratch, into) + load(scratch, lane * TILE + i))
    whole = count // SIDE * SIDE
    for lane in range(valid):
        if heads[lane] == lane:
            for i in range(0, whole, SIDE):
                store(target, places[lane] + i, load(scratch, lane * TILE + i))
            for i in range(whole, count):
                flat[places[lane] + i] = scratch[lane * TILE + i]


@njit(**INNER)
def silence(state, threshold):  # pragma: no cover
    """Set what is smaller than ``threshold`` to zero."""
    for n in range(0, state.size, SIDE):
        store(state, n, audible(load(state, n), threshold))
