"""The CUDA kernels in Triton's interpreter, on tensors of the CPU and through their operators."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from unittest import mock

import numpy as np
import torch

from diffFx_pytorch.dsp import gain_computer, gain_constant
from diffFx_pytorch.kernels.dispatch import Dispatched, declared


def _declaration(op: Dispatched):
    return getattr(op.default, "__self__", None)


def with_cuda_kernels() -> dict[str, Dispatched]:
    """Every operator that has a kernel for CUDA devices."""
    return {name: op for name, op in declared.items() if "cuda" in op.kernels}


@contextlib.contextmanager
def on_triton() -> Iterator[list[str]]:
    """Within this context, operators that have a CUDA kernel run it on tensors of the CPU; gives their names."""
    ran: list[str] = []

    def noted(name, kernel):
        def call(*args):
            ran.append(name)
            return kernel(*args)

        return call

    kernels = gain_computer._kernels

    def gain(*args):
        found = kernels(*args)
        ran.extend(["diffFx::gain_computer"] * (found is not None))
        return found

    with torch.library._scoped_library("diffFx", "IMPL") as library, contextlib.ExitStack() as patches:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that kernels are overridden
            for name, op in with_cuda_kernels().items():
                kernel, table = noted(name, op.kernels["cuda"]), _declaration(op)
                library.impl(name, kernel, "CPU")
                patches.enter_context(mock.patch.dict(op.kernels, {"cpu": kernel}))
                patches.enter_context(mock.patch.dict(table.kernels, {"cpu": table.kernels["cuda"]}))
                table._remembered.clear()  # shapes of checkpoints
        patches.enter_context(mock.patch.object(gain_constant, "fits", return_value=False))
        patches.enter_context(mock.patch.object(gain_computer, "DEVICE", "cpu"))
        patches.enter_context(mock.patch.object(gain_computer, "_kernels", gain))
        yield ran
    for op in with_cuda_kernels().values():
        _declaration(op)._remembered.clear()


def scan_in_steps(self, inputs):
    """The interpreter's scan of whole arrays, by doubling, as a device does it; its own takes elements one by one."""
    arrays, axis = [t.handle.data for t in inputs], self.axis
    n, reach = arrays[0].shape[axis], 1
    place = np.arange(n).reshape([n if i == axis else 1 for i in range(arrays[0].ndim)])
    while reach < n:
        found = _combined(self, inputs, [np.roll(a, reach, axis) for a in arrays], arrays)
        arrays = [np.where(place < reach, a, f) for a, f in zip(arrays, found, strict=True)]
        reach *= 2
    return [self.to_tensor(a, t.dtype) for a, t in zip(arrays, inputs, strict=True)]


def _combined(scan, inputs, *operands):
    """One step of a scan: in arrays where the function is arithmetic alone, which takes a tenth of the time."""
    with np.errstate(all="ignore"), contextlib.suppress(Exception):
        found = scan.combine_fn.fn(*operands[0], *operands[1])
        found = found if isinstance(found, tuple) else (found,)
        if all(isinstance(f, np.ndarray) and f.dtype == t.dtype for f, t in zip(found, operands[0], strict=True)):
            return found
    tensors = [scan.to_tensor(a, t.dtype) for of in operands for a, t in zip(of, inputs, strict=True)]
    found = scan.combine_fn.fn(*tensors)
    return [f.handle.data for f in (found if isinstance(found, tuple) else (found,))]
