"""A pool of plain threads over ``nogil`` kernels.

OpenMP regions cost 8 to 12 ms each when another process holds a core, and GNU OpenMP does not survive ``fork``.
Here the calling thread takes pieces of work from the same counter as its helpers do: when the other cores are
busy it simply does everything itself, and helpers that never got started are cancelled, not waited for.
"""

from __future__ import annotations

import functools
import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

_pool: ThreadPoolExecutor | None = None
_lock = threading.Lock()


def _forget_pool() -> None:
    # A forked child inherits the object but none of its threads, and perhaps a lock held by a thread it lacks.
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def _executor() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 2) - 1), thread_name_prefix="diffFx")
        return _pool


def bound_rows(
    kernel: Callable[..., Any], rows: int, grain: int, *args: Any, room: Callable[[], tuple[Any, ...]] | None = None
) -> Callable[[], None]:
    """``run_rows`` as a function to call again and again; where one thread does it, nothing but the kernel."""
    if min(torch.get_num_threads(), -(-rows // grain)) > 1 or rows < 1:
        return functools.partial(run_rows, kernel, rows, grain, *args, room=room)
    return functools.partial(kernel, 0, rows, *args, *(room() if room else ()))


def run_rows(
    kernel: Callable[..., Any], rows: int, grain: int, *args: Any, room: Callable[[], tuple[Any, ...]] | None = None
) -> None:
    """Call ``kernel(start, stop, *args)`` over pieces of ``range(rows)``, on up to ``torch.get_num_threads()`` threads.

    Args:
        kernel: a ``nogil`` function that fills its output arrays for rows ``start`` to ``stop - 1``.
        rows: number of independent rows of work; 0 does nothing.
        grain: rows a piece (the last piece may be smaller); the number the kernel interleaves, or a multiple of it.
        args: passed to the kernel as they are.
        room: makes what the kernel takes after them for itself, such as buffers: once per thread. A kernel that
            allocates compiles a second longer.
    """
    pieces = -(-rows // grain)
    threads = min(torch.get_num_threads(), pieces)
    if threads <= 1:
        if rows > 0:
            kernel(0, rows, *args, *(room() if room else ()))
        return
    counter = itertools.count()  # next() is atomic under the GIL

    def work() -> None:
        own = room() if room else ()
        while (piece := next(counter)) < pieces:
            kernel(piece * grain, min(rows, (piece + 1) * grain), *args, *own)

    helpers = [_executor().submit(work) for _ in range(threads - 1)]
    try:
        work()
    finally:
        started = [h for h in helpers if not h.cancel()]
    for helper in started:
        helper.result()
