"""How a kernel is called: at once, or bound to its arrays by a ``Tape``, which calls it again for every block."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
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


class Line:
    """The last samples of a signal as a window on a longer buffer, in which it moves on instead of being copied.

    Args:
        whole: (..., H + T), the samples before a block and those of the block.
        past: H.

    Attributes:
        buffer: (..., more than H + T).
        window: int64, where the H samples before the block begin, and H + T.
    """

    def __init__(self, whole: Tensor, past: int) -> None:
        self._past, self._samples = past, whole.shape[-1] - past
        self.window = np.array([0, whole.shape[-1]])
        self.buffer = torch.nn.functional.pad(whole, (0, past))

    def load(self, past: Tensor) -> None:
        """Go on from other samples."""
        self.window[0] = 0
        self.buffer[..., : self._past] = past

    def advance(self) -> None:
        """The block belongs to the past."""
        first = self.window[0] + self._samples
        if first + self.window[1] > self.buffer.shape[-1]:
            self.load(self.buffer[..., first : first + self._past])
        else:
            self.window[0] = first

    def past(self, after: bool) -> Tensor:
        """A copy of the samples before or after the block."""
        first = int(self.window[0]) + (self._samples if after else 0)
        return self.buffer[..., first : first + self._past].clone()


class Kept:
    """A memory that a kernel writes in place, and that still holds what the block before the last left.

    Args:
        memory: the tensor.
    """

    def __init__(self, memory: Tensor) -> None:
        self._memory = memory

    def load(self, memory: Tensor) -> None:
        """Go on from another."""
        self._memory.copy_(memory)

    def advance(self) -> None:
        """The block belongs to the past."""

    def past(self, after: bool) -> Tensor:
        """A copy, which serves the state before the block and the one after it."""
        return self._memory.clone()


def stays(before: Tensor, after: Tensor) -> bool:
    """For ``Kernel.bind``: whether an output, a memory after the block, holds the memory before it already.

    It is written in place then, and must serve as the memory before the block afterwards too: the same kernel may be
    called again for the same block, with other sound, and what tells the blocks apart is another part of the state.
    """
    binding = getattr(here, "binding", None)
    return binding is not None and binding.stays(before, after)


def line_of(past: Tensor | None, whole: Tensor) -> Line | None:
    """For ``Kernel.bind``: what to write to in place of an output (..., H + T) whose first H samples are ``past``.

    None where that output is more than what the next block goes on from.
    """
    binding = getattr(here, "binding", None)
    return None if binding is None or past is None else binding.line_of(past, whole)


class Binding:
    """While a kernel is bound to its arrays.

    Args:
        is_constant: whether a tensor holds the same values in every block.
        line_of: see the function of this name.
        stays: likewise.
    """

    def __init__(
        self,
        is_constant: Callable[[Tensor], bool],
        line_of: Callable[[Tensor, Tensor], Line | None],
        stays: Callable[[Tensor, Tensor], bool],
    ) -> None:
        self.is_constant, self.line_of, self.stays = is_constant, line_of, stays
        self.copies: list[Callable[[], Any]] = []

    def calls(self, bind: Callable[..., Callable[[], Any]], args: tuple[Any, ...]) -> list[Callable[[], Any]]:
        """What fills the outputs, of ``Kernel.bind`` and its arguments."""
        here.binding = self
        try:
            call = bind(*args)
        finally:
            here.binding = None
        return [*self.copies, call]
