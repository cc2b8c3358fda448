"""An operator in torch's dispatcher, registered so that torch._dynamo is imported only by who compiles.

``torch.library.custom_op`` imports torch._dynamo when an operator first runs, which takes longer than the operators of
many a program.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import torch

from .transforms import requires_grad, runs_eagerly

NAMESPACE = "diffFx"
_LAZY = (torch._C.DispatchKey.Conjugate, torch._C.DispatchKey.Negative, torch._C.DispatchKey.ZeroTensor)

declared: dict[str, Dispatched] = {}
"""Every operator of this process by its full name."""


class Dispatched:
    """``diffFx::<name>``: call it as torch's dispatcher does.

    Args:
        name: of the operator.
        schema: ``(Tensor x, ...) -> Tensor``, of a function that changes and returns none of its arguments.
        default: what serves every device without a kernel.
        waits: whether it looks at values, so that no CUDA graph can hold it.

    Raises:
        ValueError: for a name that another operator has.
    """

    def __init__(self, name: str, schema: str, default: Callable[..., Any], waits: bool = False) -> None:
        self.name, self.default = f"{NAMESPACE}::{name}", default
        self.kernels: dict[str, Callable[..., Any]] = {}
        if self.name in declared:
            raise ValueError(
                f"the operator {name!r} is defined already; choose another name, or call "
                f"diffFx_pytorch.kernels.forget({name!r}) first, to define it anew"
            )
        self._library = torch.library.Library(NAMESPACE, "FRAGMENT")
        tags = (torch.Tag.pt2_compliant_tag, *[torch.Tag.cudagraph_unsafe] * waits)
        self._library.define(name + schema, tags=tags)
        self._library.impl(name, _uncompiled(default), "CompositeExplicitAutograd")
        self.overload: Any = getattr(getattr(torch.ops, NAMESPACE), name).default
        declared[self.name] = self

    def __call__(self, *args: Any) -> Any:
        """Through the dispatcher, or straight to the CPU's kernel where that would do the same for less."""
        kernel = self.kernels.get("cpu")
        if kernel is None or (torch.is_grad_enabled() and requires_grad(args)) or not runs_eagerly(args):
            return self.overload(*args)
        return kernel(*args)

    def register_kernel(self, device: str, kernel: Callable[..., Any]) -> None:
        """What runs on one type of device."""
        self.kernels[device] = kernel
        torch.library.impl(self.name, device, _uncompiled(kernel), lib=self._library)

    def register_fake(self, function: Callable[..., Any]) -> None:
        """Shapes and dtypes of the results."""
        torch.library.register_fake(self.name, function, lib=self._library)

    def register_autograd(self, backward: Callable[..., Any], setup_context: Callable[..., None] | None = None) -> None:
        """The gradient."""
        torch.library.register_autograd(self.name, backward, setup_context=setup_context, lib=self._library)

    def register_vmap(self, batched: Callable[..., Any]) -> None:
        """The rule of ``torch.vmap``."""
        torch.library.register_vmap(self.name, batched, lib=self._library)


def forget(name: str) -> None:
    """Take an operator and its gradient away, so that the name may be defined anew, as in a notebook's cell.

    Raises:
        KeyError: for a name that no operator has.
    """
    declared.pop(f"{NAMESPACE}::{name}")._library._destroy()
    if gradient := declared.pop(f"{NAMESPACE}::{name}_backward", None):
        gradient._library._destroy()


def _uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which torch._dynamo, once it is there, is told to leave alone."""
    disabled = None

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        nonlocal disabled
        if disabled is None:
            if "torch._dynamo" not in sys.modules:
                return function(*args)
            disabled = torch.compiler.disable(function)
        # The first run of a compiled graph leaves out the keys by which ``conj()`` and ``imag`` are lazy views.
        if torch._C._dispatch_tls_is_dispatch_key_excluded(torch._C.DispatchKey.Conjugate):
            without = torch._C._dispatch_tls_local_exclude_set()
            for key in _LAZY:
                without = without.remove(key)
            with torch._C._ForceDispatchKeyGuard(torch._C._dispatch_tls_local_include_set(), without):
                return disabled(*args)
        return disabled(*args)

    return call
