"""Buffers of one dimension, and copies between them, in loops that become vector instructions."""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import lanes_of, load, store
from diffFx_pytorch.kernels.vector_type import BYTES


@njit(nogil=True, cache=True)
def aligned_zeros(count, like):
    """A buffer of ``like``'s type that begins on a cache line, so that no vector lies across two."""
    buffer = np.zeros(count + BYTES // like.itemsize, like.dtype)
    skip = (-buffer.ctypes.data % BYTES) // buffer.itemsize
    return buffer[skip : skip + count]


@njit(nogil=True, cache=True)
def copy_run(source, target):
    """``target[k] = source[k]``, converted."""
    for k in range(np.uintp(source.size)):
        target[k] = source[k]


@njit(nogil=True, cache=True)
def copy_reversed(source, target):
    """``target[k] = source[-1 - k]``, converted; unsigned indices, since wrapping ones would make gathers of it."""
    last = np.uintp(source.size) - np.uintp(1)
    for k in range(np.uintp(source.size)):
        target[k] = source[last - k]


@njit(**INNER)
def move_back(work, first, stop, room):  # pragma: no cover
    """``work[i] = work[i + room]`` for ``first <= i < stop``."""
    step = lanes_of(work)
    whole = first + (stop - first) // step * step
    for i in range(first, whole, step):
        store(work, i, load(work, i + room))
    for i in range(whole, stop):
        work[i] = work[i + room]
