"""A device that is not there: tensors that say they are on it, computed on the CPU.

It behaves as a GPU without kernels of ours: operators run their equations, a tensor of the CPU among those of the
device is noted, and so is what makes the program wait for it: reading a value, a shape that depends on values.
"""

from __future__ import annotations

import copy
import functools
import traceback
from collections import Counter
from pathlib import Path

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_iter, tree_map_only

import diffFx_pytorch
from diffFx_pytorch.kernels import constants
from tests.without_kernels import operators

DEVICE = "meta"
"""What its tensors say they are on: a device that torch knows and that has no memory, so that nothing but our own
dispatch can compute on them. (PrivateUse1 would do as well, with guards and a thread of autograd to be registered.)"""
_KEPT = "kernels/constants.py"
_kept_elsewhere = constants._kept
_kept_here = functools.lru_cache(maxsize=256)(constants._kept.__wrapped__)
_PACKAGE = str(Path(diffFx_pytorch.__file__).parent)

_READS = {"_local_scalar_dense", "item", "equal", "is_nonzero", "nonzero", "masked_select", "_unique2", "unique_dim"}
_INDEXING = {"index", "index_put", "index_put_"}


class DeviceTensor(Tensor):
    """A tensor of the pretended device; ``host`` holds what is in it."""

    host: Tensor

    @staticmethod
    def __new__(cls, host: Tensor) -> DeviceTensor:
        host = host.resolve_conj().resolve_neg()
        tensor = Tensor._make_wrapper_subclass(
            cls,
            host.size(),
            strides=host.stride(),
            storage_offset=host.storage_offset(),
            dtype=host.dtype,
            device=torch.device(DEVICE),
        )
        tensor.host = host
        return tensor

    def __repr__(self) -> str:
        return f"DeviceTensor({self.host!r})"

    def __format__(self, spec: str) -> str:
        return format(self.to("cpu"), spec)

    def tolist(self):
        return self.to("cpu").tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError(f"{func} on the pretended device outside of its context")


def _on_host(value):
    return tree_map_only(DeviceTensor, lambda t: t.host, value)


def _host_of_device(device):
    return torch.device("cpu") if device.type == DEVICE else device


def _tensors(value):
    return [t for t in tree_iter(value) if isinstance(t, Tensor)]


def _is_ours(value):
    return isinstance(value, DeviceTensor)


def _has_mask(indices):
    return any(isinstance(i, Tensor) and i.dtype in (torch.bool, torch.uint8) for i in indices)


def waits_for_values(name, args):
    """Whether an operation hands a value to the program, or a shape that depends on values."""
    return name in _READS or (name in _INDEXING and _has_mask(args[1]))


def _line():
    """The line of the library that runs."""
    frames = [f for f in traceback.extract_stack() if f.filename.startswith(_PACKAGE)]
    return f"{Path(frames[-1].filename).relative_to(_PACKAGE)}: {frames[-1].line}" if frames else "a test"


def _below_autograd():
    """The state of the dispatcher in which it calls an operator's function."""
    found = []

    @torch.library.custom_op("diffFx_tests::probe", mutates_args=())
    def probe(x: Tensor) -> Tensor:
        found.append((torch._C._dispatch_tls_local_include_set(), torch._C._dispatch_tls_local_exclude_set()))
        return x.clone()

    probe(torch.zeros(1))
    return found[0]


BELOW_AUTOGRAD = _below_autograd()


class PretendedDevice(TorchDispatchMode):
    """The context in which the device works. It notes what a device would not like.

    ``waits`` counts waits by operator, or by line of the library where there is none; ``mixed`` lists the operations
    that take tensors of the CPU and of the device; ``copies`` counts copies to the device by line of the library, but
    for constants, which are copied once; ``ran`` has the names of the operators that ran.
    """

    def __init__(self, float64: bool = True) -> None:
        super().__init__()
        self._float64 = float64
        self.waits: Counter[str] = Counter()
        self.copies: Counter[str] = Counter()
        self.mixed: list[str] = []
        self.ran: set[str] = set()
        self._operator: list[str] = []
        self._operators = operators()

    def __enter__(self):
        if not self._operator:
            torch.tensor, torch.as_tensor = map(_made_and_moved, (_tensor, _as_tensor))
            Tensor.new_tensor = _new_tensor_moved
            # Others run on "meta" too: what they keep there has no values, and what is kept here is of no use to them.
            constants._kept = _kept_here
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        if not self._operator:
            torch.tensor, torch.as_tensor, Tensor.new_tensor = _tensor, _as_tensor, _new_tensor
            constants._kept = _kept_elsewhere

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = _tensors((args, kwargs))
        ours = any(isinstance(t, DeviceTensor) for t in tensors)
        name = func._schema.name
        if ours and name in self._operators:
            return self._by_equation(name, args, kwargs)
        short = name.split("::")[-1]
        asked = [d for d in (*args, kwargs.get("device")) if isinstance(d, torch.device)]
        if not ours and all(d.type != DEVICE for d in asked):
            return func(*args, **kwargs)
        leaves = ours and (any(d.type != DEVICE for d in asked) or (short == "copy_" and not _is_ours(args[0])))
        if ours and not asked and short != "copy_" and (others := [t for t in tensors if not _is_ours(t) and t.dim()]):
            self.mixed.append(f"{self._where()}: {name} takes tensors of the CPU, {[tuple(t.shape) for t in others]}")
        arrives = any(d.type == DEVICE for d in asked) if not ours else short == "copy_" and _is_ours(args[0])
        if arrives and any(not _is_ours(t) for t in tensors):
            self.copies.update(line for line in [_line()] if not line.startswith(_KEPT))
        if leaves or (ours and waits_for_values(short, args)):
            self.waits[self._where()] += 1
        args_there, kwargs_there = tree_map_only(torch.device, _host_of_device, _on_host((args, kwargs)))
        # A mode is called below the dispatcher's rules for conjugates, and they must hold.
        with torch._C._ForceDispatchKeyGuard(*BELOW_AUTOGRAD):
            result = func(*args_there, **kwargs_there)
        if leaves:
            return result
        if not self._float64 and any(t.dtype in (torch.float64, torch.complex128) for t in _tensors(result)):
            raise TypeError(f"{name} makes a float64 tensor on a device that has no float64")
        result = tree_map_only(Tensor, DeviceTensor, result)
        return return_and_correct_aliasing(func, args, kwargs, result) if ours else result

    def _where(self) -> str:
        """The operator that is running, or the line of the library where there is none."""
        return self._operator[-1] if self._operator else _line()

    def _by_equation(self, name, args, kwargs):
        self.ran.add(name)
        self._operator.append(name)
        try:
            # A mode is called below torch.func's transforms; an operator's function is called above them.
            with torch._C._ForceDispatchKeyGuard(*BELOW_AUTOGRAD), self:
                result = self._operators[name].default(*args, **kwargs)
            return tree_map_only(DeviceTensor, lambda t: DeviceTensor(t.host), result)  # of whatever history
        finally:
            self._operator.pop()


# torch.tensor and its like make their tensors below every mode. Here they are made on the CPU and moved.
_tensor, _as_tensor, _new_tensor = torch.tensor, torch.as_tensor, Tensor.new_tensor


def _made_and_moved(make):
    @functools.wraps(make)
    def function(*args, device=None, **kwargs):
        made = make(*args, **kwargs)
        return made if device is None else made.to(device)

    return function


def _new_tensor_moved(self, data, dtype=None, device=None):
    return _tensor(data, dtype=dtype or self.dtype).to(device or self.device)


def moved(module: torch.nn.Module) -> torch.nn.Module:
    """A copy of the module whose parameters and buffers are on the device."""
    module = copy.deepcopy(module)
    for part in module.modules():
        for name, value in part._buffers.items():
            part._buffers[name] = None if value is None else DeviceTensor(value)
        for name, value in part._parameters.items():
            if value is not None:
                part._parameters[name] = torch.nn.Parameter(DeviceTensor(value.detach()), value.requires_grad)
    return module
