"""Numba's ``njit`` with a cache that several processes may fill at once."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import numba

try:
    import fcntl
except ImportError:  # no such locks there: as Numba does it
    fcntl = None


def njit(*arguments: Any, **options: Any) -> Any:
    """As ``numba.njit``, used with or without arguments.

    Numba reads the index of a kernel's cache, chooses a free number and writes, without a lock: two processes that
    compile the same kernel for different types choose the same number, and one may end up running the machine code of
    the other. Here one writes at a time.
    """
    made = numba.njit(*arguments, **options)
    if arguments and callable(arguments[0]):
        return _one_writer_at_a_time(made)
    decorate: Callable[[Any], Any] = made
    return lambda function: _one_writer_at_a_time(decorate(function))


def _one_writer_at_a_time(kernel: Any) -> Any:
    file = getattr(getattr(kernel, "_cache", None), "_cache_file", None)
    if fcntl is not None and file is not None:
        file.save = functools.partial(_save, file)
    return kernel


def _save(file: Any, key: Any, data: Any) -> None:
    with open(os.path.join(file._cache_path, f"{file._index_name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # pyright: ignore[reportOptionalMemberAccess]  # released when closed
        type(file).save(file, key, data)
