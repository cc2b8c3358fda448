"""Operators under function transforms, and everything that asks torch's private functions, in one place.

``torch.library`` gives an operator its gradient and its rule for ``vmap``, but ``torch.func.grad`` refuses operators
whose gradient is registered there, and forward mode has no rule at all. An ``autograd.Function`` has both. So each
operator is registered as usual, and where a transform is active it is called through a functional form of itself, an
``autograd.Function`` of the same formulas.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

_EAGER = {Tensor, torch.nn.Parameter}


def _keys_of_cpu_tensors() -> set[int]:
    """What torch's dispatcher reads off a tensor: device, layout, subclass, lazy conjugation, wrappers."""
    with torch.inference_mode(False):
        made = torch.empty(0, device="cpu")
    with torch.inference_mode():
        inferred = torch.empty(0, device="cpu")
    return {torch._C._dispatch_keys(t).raw_repr() for t in (made, inferred)}


_CPU_KEYS = _keys_of_cpu_tensors()


class _Watched(threading.local):
    modes = 0
    """Modes of this library's own that watch operations without changing them."""


_watched = _Watched()


@contextlib.contextmanager
def recording() -> Iterator[None]:
    """While a ``Tape`` is recorded: what is asked below answers as it will where it plays."""
    _watched.modes = 1
    try:
        yield
    finally:
        _watched.modes = 0


def is_traced() -> bool:
    """Whether operations are recorded to run again with other values and lengths, so that nothing may depend on them.

    That is so under ``torch.compile``, ``torch.export`` and ``torch.jit.trace``.
    """
    return torch.compiler.is_compiling() or torch._C._is_tracing()


def records_fakes() -> bool:
    """Whether tensors are shapes without values, with which none that has values may be mixed."""
    return torch._C._get_dispatch_mode(torch._C._TorchDispatchModeKey.FAKE) is not None


@contextlib.contextmanager
def outside_transforms() -> Iterator[None]:
    """A context in which no transform of ``torch.func`` is active, for tensors that outlive it."""
    if not transforms_active():
        yield
        return
    from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

    with temporarily_clear_interpreter_stack():
        yield


def transforms_active() -> bool:
    """Whether a transform of ``torch.func`` is active (never where torch.compile traces)."""
    return not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active()


def forward_mode_active() -> bool:
    """Whether dual numbers are about (never where torch.compile traces)."""
    return not torch.compiler.is_compiling() and torch.autograd.forward_ad._current_level >= 0


def plain(*given: Tensor | None) -> bool:
    """Whether nobody asks for derivatives of what is computed now."""
    asked = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in given)
    return not (asked or transforms_active() or forward_mode_active())


def autocast_active(device: torch.device) -> bool:
    """Whether operations on a device are cast to half precision."""
    if not torch.compiler.is_compiling() and not torch._C._is_any_autocast_enabled():
        return False
    return torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type)


def creates_elsewhere(device: torch.device) -> bool:
    """Whether a default device is set under which a new tensor may not be on ``device`` or the CPU."""
    if torch.compiler.is_compiling() or not torch._C._len_torch_function_stack():
        return False  # a default device is a mode
    return torch.get_default_device() not in (device, torch.device("cpu"))


def runs_eagerly(args: Sequence[Any]) -> bool:
    """Whether an operator of these arguments is a computation on this CPU that nobody watches.

    Nothing traces, transforms, counts or profiles operators, and no tensor among the arguments is a subclass, lazily
    conjugated or on another device. Torch's dispatcher would then do nothing but call the kernel.
    """
    if (
        torch.compiler.is_compiling()
        or torch._C._is_tracing()
        or torch._C._are_functorch_transforms_active()
        or torch._C._len_torch_dispatch_stack() > _watched.modes
        or torch._C._len_torch_function_stack() > _watched.modes
        or torch.autograd.forward_ad._current_level >= 0
        or torch.autograd.profiler._is_profiler_enabled
    ):
        return False
    return all(is_plain(a) for a in args if isinstance(a, Tensor))


def is_plain(t: Tensor) -> bool:
    """Whether a tensor is memory of the CPU and nothing else: no subclass, no lazy conjugate, no wrapper."""
    return type(t) in _EAGER and torch._C._dispatch_keys(t).raw_repr() in _CPU_KEYS


def requires_grad(args: Sequence[Any]) -> bool:
    """Whether there is a tensor among the arguments that requires a gradient."""
    return any(isinstance(a, Tensor) and a.requires_grad for a in args)


def needs_grad(*tensors: Tensor | None) -> bool:
    """Whether a derivative with respect to one of the tensors may be asked for later."""
    if transforms_active():
        return True
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


def batch_first(
    size: int,
    dims: Sequence[int | None],
    values: Sequence[Tensor | None],
    cores: Sequence[int],
    expand: Sequence[bool] | None = None,
) -> list[Tensor | None]:
    """Put the dimension that ``vmap`` adds before all batch dimensions, where it broadcasts like any other.

    Args:
        size: length of the added dimension.
        dims: where it stands in each value; None where a value lacks it.
        values: tensors, or None.
        cores: number of core axes of each.
        expand: whether each value that lacks the dimension is to get it in its full length.

    Returns:
        The values; those with the added dimension all have the same number of batch dimensions.
    """
    given = [
        (v, d, c, e)
        for v, d, c, e in zip(values, dims, cores, expand or [False] * len(values), strict=True)
        if v is not None
    ]
    most = max(v.dim() - c - (d is not None) for v, d, c, _ in given)
    moved = []
    for v, d, c, e in given:
        if d is None and not e:
            moved.append(v)
            continue
        v = v.expand(size, *v.shape) if d is None else v.movedim(d, 0)
        moved.append(v[(slice(None), *(None,) * (most - (v.dim() - 1 - c)))])
    found = iter(moved)
    return [None if v is None else next(found) for v in values]


def tangent_by_transposition(
    function: Callable[..., tuple[Tensor, ...]], primals: Sequence[Tensor], along: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Directional derivative of a function: the adjoint is linear in the cotangents, and its adjoint is the tangent.

    Forward mode does not nest; reverse mode does everywhere.
    """
    value, pull = torch.func.vjp(function, *primals)[:2]
    return torch.func.vjp(lambda *given: pull(given), *(torch.zeros_like(v) for v in value))[1](tuple(along))


def applied(function: Any, *args: Any) -> Any:
    """``function.apply`` of an ``autograd.Function`` that has ``setup_context``, for less where nothing is recorded."""
    if torch.compiler.is_compiling() or transforms_active() or forward_mode_active():
        return function.apply(*args)
    if torch.is_grad_enabled():
        if requires_grad(args):
            return _recorded(function, args)
        with torch.no_grad():
            return function.forward(*args)
    return function.forward(*args)


def refuse_nested_forward_mode(name: str, args: Sequence[Any]) -> None:
    """Refuse forward mode over forward mode, whose outer tangent torch loses in functions that define ``jvp``.

    Raises:
        NotImplementedError: naming what gives the same.
    """
    if not transforms_active():
        return
    private: Any = torch._C
    functorch = private._functorch
    forward = sum(i.key() == functorch.TransformType.Jvp for i in functorch.get_interpreter_stack() or ())
    if forward > 1 and any(functorch.is_functorch_wrapped_tensor(a) for a in args if isinstance(a, Tensor)):
        raise NotImplementedError(
            f"{name}: forward mode over forward mode (jacfwd of jacfwd, jvp of jvp) is not supported by torch for "
            "custom functions; take forward mode over reverse mode: jacfwd(jacrev(f)), torch.func.hessian(f)"
        )


def _recorded(function: Any, args: Sequence[Any]) -> Any:
    """``function.apply`` where no transform is active, without its look at signatures, which takes most of its time."""
    bare: Any = super(torch.autograd.Function, function)
    return bare.apply(*args)


def with_transforms(
    op: Any,
    setup_context: Callable[..., None],
    backward: Callable[..., Any],
    jvp: Callable[..., Any],
    batched: Callable[..., Any],
) -> Callable[..., Any]:
    """Register gradient and batching of a custom operator; return the function to call it by.

    Args:
        op: the operator, a `Dispatched`.
        setup_context: ``(ctx, inputs, output)``, as for ``register_autograd``.
        backward: ``(ctx, *grads)``, one result per input.
        jvp: ``(ctx, *tangents)``, one result per output.
        batched: ``(info, in_dims, *args)``, (outputs, out_dims), the rule of ``vmap``.
    """
    functional = type(
        f"{op.name}_functional",
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
        if transforms_active() or forward_mode_active():
            refuse_nested_forward_mode(op.name.removeprefix("diffFx::"), args)
            return functional.apply(*args)
        if torch.is_grad_enabled() and requires_grad(args) and runs_eagerly(args):
            return _recorded(functional, args)
        return op(*args)

    op.register_autograd(backward, setup_context=setup_context)
    op.register_vmap(batched)
    return call
