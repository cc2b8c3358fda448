"""What precision a device has, and keeps, for equations in eager torch."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from .transforms import autocast_active

Function = TypeVar("Function", bound=Callable[..., Any])

WITHOUT_FLOAT64 = {"mps"}
"""Types of devices that cannot hold a float64 tensor."""


def has_float64(device: torch.device) -> bool:
    """Whether the device computes in float64."""
    return device.type not in WITHOUT_FLOAT64


def widest(device: torch.device) -> torch.dtype:
    """The widest real type that the device computes in."""
    return torch.float64 if has_float64(device) else torch.float32


def where_float64_is(function: Function) -> Function:
    """The function, computed on the CPU where the first tensor it is given is on a device without float64.

    All tensors among the arguments are moved there. Results go back, but for those in float64, as states are: they stay
    on the CPU, and are taken from there.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        first = next((a for a in args if isinstance(a, Tensor)), None)
        device = None if first is None else first.device
        if device is None or has_float64(device):
            return function(*args, **kwargs)
        args, kwargs = tree_map_only(Tensor, lambda t: t.to("cpu"), (args, kwargs))
        wide = torch.float64, torch.complex128
        return tree_map_only(Tensor, lambda t: t if t.dtype in wide else t.to(device), function(*args, **kwargs))

    return call  # type: ignore[return-value]  # of the same arguments


@contextlib.contextmanager
def exact_products(device: torch.device) -> Iterator[None]:
    """Products of float32 matrices as IEEE float32, whatever autocast and ``set_float32_matmul_precision`` allow.

    What a product rounds off, a state keeps: block state space stands at -145 dB, and with TF32 at -70.
    """
    matmul = torch.backends.cuda.matmul
    given = matmul.fp32_precision
    matmul.fp32_precision = "ieee"
    try:
        with torch.autocast(device.type, enabled=False) if autocast_active(device) else contextlib.nullcontext():
            yield
    finally:
        matmul.fp32_precision = given
