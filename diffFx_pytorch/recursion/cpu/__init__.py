"""Kernels for the CPU, compiled by Numba: arrays in, arrays out; they know no tensors."""

from __future__ import annotations

import contextlib
from pathlib import Path


def _forget_stale_kernels() -> None:
    """Delete compiled kernels that are older than any source file here.

    Numba compares a kernel with its own file only, and a kernel inlines what it imports from its neighbours: after a
    change there it would go on as it was, or crash.
    """
    folder = Path(__file__).parent
    with contextlib.suppress(OSError):
        newest = max(source.stat().st_mtime for source in folder.glob("*.py"))
        for index in (folder / "__pycache__").glob("*.nb[ic]"):
            if index.stat().st_mtime < newest:
                index.unlink(missing_ok=True)


_forget_stale_kernels()
