"""Operators under function transforms.

``torch.library`` gives an operator its gradient and its rule for ``vmap``, but ``torch.func.grad`` refuses operators
whose gradient is registered there, and forward mode has no rule at all. An ``autograd.Function`` has both. So each
operator is registered as usual, and called through a twin function of the same formulas where a transform is active.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def to_front(in_dims: Sequence[int | None], args: Sequence[Any]) -> list[Any]:
    """Arguments of a batched call with the mapped dimension first, of length 1 where an argument is not mapped."""
    moved: list[Any] = []
    for dim, arg in zip(in_dims, args, strict=True):
        if not isinstance(arg, Tensor):
            moved.append(arg)
        else:
            moved.append(arg.unsqueeze(0) if dim is None else arg.movedim(dim, 0))
    return moved


def with_transforms(
    op: Any,
    setup_context: Callable[..., None],
    backward: Callable[..., Any],
    jvp: Callable[..., Any],
    batched: Callable[..., Any] | None = None,
) -> Callable[..., Any]:
    """Register gradient and batching of a custom operator; return the function to call it by.

    All outputs of the operator must be tensors with the leading dimensions first, and all its tensor arguments must
    broadcast over leading dimensions of equal number: a mapped dimension is simply put in front.

    Args:
        op: result of ``torch.library.custom_op``.
        setup_context: ``(ctx, inputs, output)``, as for ``register_autograd``.
        backward: ``(ctx, *grads)``, one result an input.
        jvp: ``(ctx, *tangents)``, one result an output.
        batched: ``(info, in_dims, *args)``, (outputs, out_dims), where putting the dimension in front is not enough.
    """

    def in_front(_: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Any, Any]:
        outputs = call(*to_front(in_dims, args))
        return outputs, (0,) * len(outputs)

    batched = batched or in_front
    twin = type(
        f"{op._name}_twin",
        (torch.autograd.Function,),
        {
            "forward": staticmethod(lambda *args: op(*args)),
            "setup_context": staticmethod(setup_context),
            "backward": staticmethod(backward),
            "jvp": staticmethod(jvp),
            "vmap": staticmethod(batched),
        },
    )

    def call(*args: Any) -> Any:
        if not torch.compiler.is_compiling() and (
            torch._C._are_functorch_transforms_active() or torch.autograd.forward_ad._current_level >= 0
        ):
            return twin.apply(*args)
        return op(*args)

    op.register_autograd(backward, setup_context=setup_context)
    op.register_vmap(batched)
    return call
