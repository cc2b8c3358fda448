"""Operators as they run on a device that has no kernels."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from unittest import mock

import torch

from diffFx_pytorch.kernels.dispatch import Dispatched, declared

ONLY_ON_THE_CPU = {"diffFx::heap_integration"}
"""Operators without an equation for other devices; who calls them moves to the CPU and back."""


def operators() -> dict[str, Dispatched]:
    """Every operator of the library that has been declared by now, by name."""
    return {name: op for name, op in declared.items() if name not in ONLY_ON_THE_CPU}


@contextlib.contextmanager
def without_kernels() -> Iterator[None]:
    """Within this context every call on the CPU goes through the dispatcher to the operator's default function."""
    with torch.library._scoped_library("diffFx", "IMPL") as library, contextlib.ExitStack() as kernels:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that kernels are overridden
            for name, op in operators().items():
                if "cpu" in op.kernels:
                    library.impl(name, op.default, "CPU")
                    kernels.enter_context(mock.patch.dict(op.kernels, clear=True))  # what is called directly
        yield
