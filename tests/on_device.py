"""Tests written for the CPU, run on a device: what they make is made there, from the same random numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors


class OnDevice(TorchFunctionMode):
    """Within this context tensors are made on a device, unless another is named; what becomes an array leaves it."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = torch.device(device)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.Tensor.numpy:
            return func(args[0].cpu(), *args[1:], **kwargs)
        if func not in _device_constructors() or kwargs.get("device") is not None:
            return func(*args, **kwargs)
        generator = kwargs.get("generator")
        if generator is not None and generator.device != self.device:
            return func(*args, **{**kwargs, "device": generator.device}).to(self.device)
        return func(*args, **{**kwargs, "device": self.device})
