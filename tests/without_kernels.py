"""Operators as they run on a device that has no kernels."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch._library.custom_ops import OPDEFS, CustomOpDef

ONLY_ON_THE_CPU = {"diffFx::heap_integration"}
"""Operators without an equation for other devices; who calls them moves to the CPU and back."""


def operators() -> dict[str, CustomOpDef]:
    """Every operator of the library that has been declared by now, by name."""
    return {name: op for name, op in OPDEFS.items() if name.startswith("diffFx") and name not in ONLY_ON_THE_CPU}


@contextlib.contextmanager
def without_kernels() -> Iterator[None]:
    """Within this context the dispatcher gives every call on the CPU to the operator's default function."""
    with contextlib.ExitStack() as stack:
        for op in operators().values():
            if "cpu" in op._backend_fns:
                stack.enter_context(op.set_kernel_enabled("cpu", enabled=False))
        yield
