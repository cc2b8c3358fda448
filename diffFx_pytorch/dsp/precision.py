"""Half precision: what is designed and computed is in float32 at least, inside autocast too."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor

from ..kernels.transforms import autocast_active


def at_least_float32(value: Tensor) -> Tensor:
    """``value`` as it is, in float32 where it has half precision, in which 2504 Hz would become 2512."""
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value


def without_autocast(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """A context in which nothing is cast to half precision."""
    return torch.autocast(device.type, enabled=False) if autocast_active(device) else contextlib.nullcontext()
