"""Numba's ``njit`` with a cache on disk that several processes may fill at once, and that notices changes nearby."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from pathlib import Path
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


def forget_stale_kernels(folder: Path) -> None:
    """Delete the compiled kernels of a folder that are older than any source file in it.

    Numba compares a kernel with its own file only, and a kernel inlines what it imports from its neighbours: after a
    change there it would go on as it was, or crash.
    """
    with contextlib.suppress(OSError):
        newest = max(source.stat().st_mtime for source in folder.glob("*.py"))
        for index in (folder / "__pycache__").glob("*.nb[ic]"):
            if index.stat().st_mtime < newest:
                index.unlink(missing_ok=True)
