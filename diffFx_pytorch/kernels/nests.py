"""Nests of tuples, lists and dicts, as states are: their tensors, and how two of them compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

_SAME = (int, float, bool, str, bytes, type(None), torch.dtype, torch.device)
"""What a state may hold beside tensors: it stays."""


def tensors_in(*nests: Any) -> Iterator[Tensor]:
    """The tensors in nests of tuples, lists and dicts, in their order."""
    for nest in nests:
        if isinstance(nest, Tensor):
            yield nest
        elif isinstance(nest, (tuple, list)):
            yield from tensors_in(*nest)
        elif isinstance(nest, dict):
            yield from tensors_in(*nest.values())


def mapped(function: Callable[[Any], Any], nest: Any) -> Any:
    """The nest of tuples, lists and dicts with ``function`` of each of its leaves."""
    if isinstance(nest, dict):
        return {name: mapped(function, value) for name, value in nest.items()}
    if isinstance(nest, (tuple, list)):
        values = [mapped(function, value) for value in nest]
        return type(nest)(*values) if hasattr(nest, "_fields") else type(nest)(values)
    return function(nest)


def place(t: Tensor) -> int:
    """The memory that a tensor is a view of, while it is kept alive."""
    return t.untyped_storage()._cdata


def same_memory(a: Any, b: Any) -> bool:
    """Whether two things are one, or two tensors views of the same elements."""
    if a is b or not (isinstance(a, Tensor) and isinstance(b, Tensor)):
        return a is b
    return a.data_ptr() == b.data_ptr() != 0 and a.shape == b.shape and a.stride() == b.stride() and a.dtype == b.dtype


def settled(before: Any, after: Any) -> bool:
    """Whether a state has the form of the one before it, so that a tape could take it from block to block."""
    if type(before) is not type(after):
        return False
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(settled(before[name], after[name]) for name in before)
    if isinstance(before, (tuple, list)):
        return len(before) == len(after) and all(map(settled, before, after))
    if isinstance(before, Tensor):
        return before.shape == after.shape and before.dtype == after.dtype
    return isinstance(before, _SAME) and before == after


def moved(before: Any, after: Any) -> list[tuple[Tensor, Tensor]]:
    """The tensors of two states of one form that are not the same."""
    pairs = zip(tensors_in(before), tensors_in(after), strict=True)
    return [(a, b) for a, b in pairs if not same_memory(a, b)]


def still(before: Any, after: Any) -> list[Tensor]:
    """The tensors of a state that the one after it has in the same memory."""
    pairs = zip(tensors_in(before), tensors_in(after), strict=True)
    return [a for a, b in pairs if same_memory(a, b)]


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are alike to the last bit, NaN included."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.equal(a, b) or bool(((a == b) | ((a != a) & (b != b))).all())
