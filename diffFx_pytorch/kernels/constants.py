"""Numbers that equations need on the device of their signal: copied there once, not in every call.

A copy of a Python list makes the program wait for a device, and cannot be recorded in a CUDA graph.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .transforms import is_traced, outside_transforms, records_fakes, transforms_active


def constant(values: Any, dtype: torch.dtype, device: torch.device | str | None) -> Tensor:
    """The tensor of a number, or of numbers in nested tuples; not to be changed in place.

    It is made anew where operations are recorded, which must hold their constants.
    """
    return made_once(_given, values, dtype=dtype, device=device)


def made_once(make: Callable[..., Any], *args: Any, dtype: torch.dtype, device: torch.device | str | None) -> Tensor:
    """The tensor of what ``make(*args)`` returns, numbers or an array; not to be changed in place.

    Args:
        make: a function, always the same for the same numbers.
        args: what it takes; hashable.
        dtype: of the tensor.
        device: likewise; None is the CPU.
    """
    if is_traced() or records_fakes():
        return torch.tensor(make(*args), dtype=dtype, device=device or "cpu")
    return _kept(make, args, dtype, device or "cpu")


def on_device(positions: Tensor, device: torch.device) -> Tensor:
    """Positions (F,) int64 that the CPU knows on a device, copied there once for all that are equal."""
    if positions.device == device or is_traced() or records_fakes() or transforms_active():
        return positions.to(device)
    return made_once(_positions, positions.numpy().tobytes(), dtype=torch.int64, device=device)


def _positions(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.int64)


def _given(values: Any) -> Any:
    return values


@functools.lru_cache(maxsize=256)
def _kept(make: Callable[..., Any], args: tuple[Any, ...], dtype: torch.dtype, device: torch.device | str) -> Tensor:
    # What inference makes is of no use to a gradient, what a transform makes of none after it.
    with torch.inference_mode(False), outside_transforms():
        return torch.tensor(make(*args), dtype=dtype, device=device)
