"""Kernels of CUDA devices, written in Triton: where they run, and how they see what rows share.

Triton is optional: a CUDA build of torch brings it. A kernel's module imports it, and is itself imported when its
operator first runs on such a device. Where there is no Triton, or the device is too old for it, the operator's equation
runs, and one notice says so.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .rows import flat_rows
from .table import Kernel, Shape

OLDEST = (7, 5)
"""The compute capability from which kernels run: what Triton compiles for, and what the tests compile them for."""


def triton_kernel(module: str, checkpoints: Mapping[str, Shape] | None = None) -> Kernel:
    """The kernel of a module of Triton functions.

    Args:
        module: the module's name. It has ``forward`` and, where there are gradients, ``backward``, as `Kernel` has
            them, and ``serves(inputs, *settings)``: whether these shapes, dtypes and settings are its own. The equation
            serves others.
        checkpoints: what forward leaves for backward, as in `Kernel`.
    """

    def load() -> Any:
        return importlib.import_module(module)

    def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any, *settings: Any) -> None:
        with on_device(outputs[0].device):
            load().forward(batch_shape, inputs, outputs, *settings)

    def backward(
        batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any, *settings: Any
    ) -> Sequence[Tensor | None]:
        with on_device(_device(inputs)):
            return load().backward(batch_shape, grads, inputs, saved, needs, *settings)

    def serves(inputs: Any, *settings: Any) -> bool:
        return usable(_device(inputs)) and load().serves(inputs, *settings)

    return Kernel(forward, backward, checkpoints or {}, serves)


def _device(inputs: Any) -> torch.device:
    return next(t for t in inputs if t is not None).device


def on_device(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Triton launches on the current device, whichever its tensors are on."""
    return torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()


@functools.lru_cache(maxsize=64)
def usable(device: torch.device) -> bool:
    """Whether kernels run on a device; says why not, once."""
    reason = _why_not(device)
    if reason:
        warnings.warn(
            f"{reason}: on {device} recursions run as plain torch operations, which give the same and take longer.",
            stacklevel=2,
        )
    return not reason


def _why_not(device: torch.device) -> str:
    if device.type != "cuda":
        return ""  # Triton's interpreter
    if torch.version.hip is not None:
        return "this torch is built for ROCm, for which the Triton kernels are not tested"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed (pip install triton)"
    capability = torch.cuda.get_device_capability(device)
    if capability < OLDEST:
        have, need = (".".join(map(str, c)) for c in (capability, OLDEST))
        return f"the device has compute capability {have} and the Triton kernels need {need}"
    return ""


def has_tf32(device: torch.device) -> bool:
    """Whether a device multiplies TF32."""
    return device.type != "cuda" or torch.cuda.get_device_capability(device) >= (8, 0)


def countable(*given: tuple[Tensor, int]) -> bool:
    """Whether 32 bits count the numbers in a row of every tensor, of so many core axes each: kernels count so."""
    return all(math.prod(t.shape[t.dim() - core :]) < 2**31 for t, core in given)


class Rows(NamedTuple):
    """What a kernel reads of a tensor that rows may share: row r of the output reads row ``r // each % count``.

    Attributes:
        base: (rows, *core), contiguous.
        each: rows of the output, one after the other, that read one row.
        count: rows there are.
    """

    base: Tensor
    each: int
    count: int


def shared_rows(t: Tensor, core: int, batch_shape: Sequence[int]) -> Rows:
    """A tensor (*batch, *core) as `Rows` if what rows share lies in one run of axes, else repeated."""
    own = (1,) * (len(batch_shape) - t.dim() + core) + tuple(t.shape[: t.dim() - core])
    kept = [i for i, (size, whole) in enumerate(zip(own, batch_shape, strict=True)) if size != 1 or whole == 1]
    kept = [i for i in kept if batch_shape[i] != 1]
    if kept and math.prod(own[kept[0] : kept[-1] + 1]) != math.prod(batch_shape[kept[0] : kept[-1] + 1]):
        t, kept = t.expand(*batch_shape, *t.shape[t.dim() - core :]), list(range(len(batch_shape)))
    if not kept:
        return Rows(flat_rows(t, core), 1, 1)
    each = math.prod(batch_shape[kept[-1] + 1 :])
    return Rows(flat_rows(t, core), each, math.prod(batch_shape[kept[0] : kept[-1] + 1]))
