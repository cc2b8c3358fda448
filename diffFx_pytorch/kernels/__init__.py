"""How kernels are compiled, kept on disk, spread over threads and made operators: what every engine stands on.

Names are imported when first used (PEP 562): Numba takes its time, and not every operator needs it at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compiling import njit
    from .dispatch import forget
    from .operator import Keeping, Kernel, Operator, define, row_kernel
    from .threads import bound_rows, run_rows

_HOMES = {
    "Keeping": "operator",
    "Kernel": "operator",
    "Operator": "operator",
    "bound_rows": "threads",
    "define": "operator",
    "forget": "dispatch",
    "njit": "compiling",
    "row_kernel": "operator",
    "run_rows": "threads",
}

__all__ = ["Keeping", "Kernel", "Operator", "bound_rows", "define", "forget", "njit", "row_kernel", "run_rows"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
