"""How a kernel is called: at once, or bound to its arrays by a ``Tape``, which calls it again for every block."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from torch import Tensor

from .nests import same_memory

here = threading.local()


def computed(bind: Callable[..., Any], batch_shape: tuple[int, ...], inputs: Any, outputs: Any, *rest: Any) -> None:
    """Fill outputs by what ``bind`` returns; to a ``Tape`` that is one call.

    Args:
        bind: ``(batch_shape, inputs, outputs, *rest)``, as ``Kernel.bind``.
        batch_shape: of the outputs.
        inputs: tensors or None.
        outputs: tensors, without values.
        rest: what is no tensor.
    """
    recorder = getattr(here, "recorder", None)
    if recorder is None or recorder.paused:
        bind(batch_shape, inputs, outputs, *rest)()
        return
    recorder.kernel(bind, batch_shape, inputs, outputs, rest)


def refreshed(copy: Tensor, source: Tensor) -> Tensor:
    """``copy``, of the values of ``source``: where a kernel is bound to it, it is copied anew before each call."""
    binding = getattr(here, "binding", None)
    if binding is not None and not same_memory(copy, source) and not binding.is_constant(source):
        binding.copies.append(functools.partial(copy.copy_, source))
    return copy


def is_constant(*given: Tensor | None) -> bool:
    """Whether ``Kernel.bind`` may keep what it makes of these values for all its calls."""
    binding = getattr(here, "binding", None)
    return binding is None or all(t is None or binding.is_constant(t) for t in given)


class Binding:
    """While a kernel is bound to its arrays."""

    def __init__(self, is_constant: Callable[[Tensor], bool]) -> None:
        self.is_constant = is_constant
        self.copies: list[Callable[[], Any]] = []

    def calls(self, bind: Callable[..., Callable[[], Any]], args: tuple[Any, ...]) -> list[Callable[[], Any]]:
        """What fills the outputs, of ``Kernel.bind`` and its arguments."""
        here.binding = self
        try:
            call = bind(*args)
        finally:
            here.binding = None
        return [*self.copies, call]
