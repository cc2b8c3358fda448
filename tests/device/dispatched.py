"""What a computation in eager torch would cost a device, counted on the CPU: launches, waits, memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from tests.device.pretended import BELOW_AUTOGRAD, waits_for_values
from tests.without_kernels import operators

_NO_LAUNCH = {"empty", "new_empty", "empty_like", "empty_strided"}


class Dispatched(TorchDispatchMode):
    """Counts within its context, in which operators run as on a device that has no kernels.

    Attributes:
        launches: operations that compute, each a kernel of a device or more.
        waits: operations that read a value, or whose result has a shape that depends on values.
        peak: the most bytes that tensors made within the context held at a time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.launches = self.waits = self.peak = 0
        self._made: dict[int, tuple[StorageWeakRef, int]] = {}
        self._operators = operators()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if (name := func._schema.name) in self._operators:
            default = self._operators[name].default
            # What a kernel of the CPU keeps for its gradient no device without kernels keeps.
            kernels = getattr(getattr(default, "__self__", None), "kernels", {})
            with mock.patch.dict(kernels, clear=True), torch._C._ForceDispatchKeyGuard(*BELOW_AUTOGRAD), self:
                return default(*args, **(kwargs or {}))
        given = {_storage(t) for t in tree_iter((args, kwargs)) if isinstance(t, Tensor)}
        result = func(*args, **(kwargs or {}))
        name = name.split("::")[1]
        self.waits += waits_for_values(name, args)
        made = [t for t in tree_iter(result) if isinstance(t, Tensor) and _storage(t) not in given]
        self.launches += name not in _NO_LAUNCH and (bool(made) or func._schema.is_mutable)
        self._made = {key: held for key, held in self._made.items() if not held[0].expired()}
        for t in made:
            self._made[_storage(t)] = StorageWeakRef(t.untyped_storage()), t.untyped_storage().nbytes()
        self.peak = max(self.peak, sum(size for _, size in self._made.values()))
        return result


def _storage(t: Tensor) -> int:
    return t.untyped_storage()._cdata


def both_ways(call: Callable[..., Tensor], *inputs: Tensor) -> tuple[Dispatched, Dispatched]:
    """The counts of the call forwards, and forwards and backwards to every input that has a gradient."""
    with torch.no_grad(), Dispatched() as forward:
        call(*inputs)
    leaves = [t.detach().requires_grad_(t.is_floating_point()) for t in inputs]
    with Dispatched() as both:
        y = call(*leaves)
        torch.autograd.grad(y, [t for t in leaves if t.requires_grad], torch.ones_like(y))
    return forward, both
