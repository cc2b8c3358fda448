"""How functions that only kernels call are compiled."""

from __future__ import annotations

from typing import Any

INNER: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "fastmath": {"contract", "nsz"},
    "boundscheck": False,
    "error_model": "numpy",
    # They allocate nothing, and their arrays are their caller's. Counting references to slices, two locked
    # instructions each, took a third of the time of a delay line in short stretches.
    "_nrt": False,
    # Python never calls them.
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
