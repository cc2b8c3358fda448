"""What the declaration of an operator says: its arguments, the shapes of its results, and how they are computed."""

from __future__ import annotations

import functools
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .bound import computed
from .precision import exact_products
from .rows import batch_shape_of

Shape = Callable[..., tuple[Sequence[int], torch.dtype]]
"""From the inputs and settings of a call to the core shape and dtype of one output."""


_REMEMBERED = 256
"""Combinations of shapes for which an operator remembers those of its results."""


@dataclass(frozen=True)
class Kernel:
    """What runs on one device.

    Attributes:
        forward: ``(batch_shape, inputs, outputs, *settings)`` fills the outputs, which include the checkpoints; inputs
            and outputs are named tuples of tensors. It is not called where there is nothing to compute.
        backward: ``(batch_shape, grads, inputs, saved, needs, *settings)`` to one gradient per input, of the batch
            shape or the input's own, None where ``needs`` says that nobody asks. Without it the gradient is that of the
            equation.
        checkpoints: what forward leaves for backward, beside the outputs: a shape each. Where no gradient is wanted,
            the first core axis has length 0.
        serves: ``(inputs, *settings)``: whether it computes these, by shapes, dtypes and settings alone; the equation
            computes the others.
        bind: takes what forward takes, prepares what is the same for every block, and returns a function without
            arguments that fills the outputs, which a ``Tape`` calls for block after block: by then the inputs hold
            other values. It sees them through the arrays that ``kernels.rows`` made; for other copies there is
            ``refreshed``, and ``is_constant`` says what may be kept. Without it forward is called for every block.
    """

    forward: Callable[..., None]
    backward: Callable[..., Sequence[Tensor | None]] | None = None
    checkpoints: Mapping[str, Shape] = field(default_factory=dict)
    serves: Callable[..., bool] = lambda *_: True
    bind: Callable[..., Callable[[], Any]] | None = None

    @staticmethod
    def bound(
        bind: Callable[..., Callable[[], Any]],
        backward: Callable[..., Sequence[Tensor | None]] | None = None,
        checkpoints: Mapping[str, Shape] | None = None,
    ) -> Kernel:
        """A kernel whose forward is ``bind`` and one call."""
        return Kernel(lambda *args: bind(*args)(), backward, checkpoints or {}, bind=bind)


@dataclass(frozen=True)
class Keeping:
    """An equation that leaves something for the adjoint, where no kernel runs.

    Attributes:
        equation: as that of `define`, which returns checkpoints after the outputs.
        checkpoints: a shape each, of the names of those of the kernels. The adjoint gets others, without meaning, where
            it is called by itself: it tells its own by their shapes.
    """

    equation: Callable[..., Any]
    checkpoints: Mapping[str, Shape]


@dataclass(frozen=True)
class Rules:
    """How an operator computes and differentiates; see `define`."""

    equation: Callable[..., Any]
    kernel: Kernel | None
    settings: Mapping[str, Any]
    saves: Mapping[str, Sequence[str]] | None
    differentiable: bool
    adjoint: Callable[..., Any] | None
    tangent: Callable[..., Any] | None
    second: Callable[..., Any] | None
    second_tangent: Callable[..., Any] | None
    waits: bool
    keeping: Keeping | None


def as_tuple(value: Any) -> tuple[Any, ...]:
    """What one tensor or several are, as a tuple."""
    return (value,) if isinstance(value, Tensor) else tuple(value)


def as_results(values: Sequence[Any]) -> Any:
    """As an operator returns them: one tensor alone is no tuple."""
    return values[0] if len(values) == 1 else tuple(values)


def differentiable(t: Any) -> bool:
    """Whether something is a tensor that may have a gradient."""
    return isinstance(t, Tensor) and (t.is_floating_point() or t.is_complex())


def _owned(found: Sequence[Tensor], args: Sequence[Any]) -> list[Tensor]:
    """What an equation found, contiguous, each with memory of its own: no part of a larger one, and of no argument."""
    given, is_alias_of = [t for t in args if isinstance(t, Tensor)], getattr(torch._C, "_is_alias_of")  # noqa: B009  # no stub
    owned: list[Tensor] = []
    for t in found:
        alone = t.is_contiguous() and t.untyped_storage().nbytes() == t.nbytes
        shared = not alone or any(is_alias_of(t, other) for other in (*given, *owned))
        owned.append(t.clone(memory_format=torch.contiguous_format) if shared else t)
    return owned


class Table:
    """The declaration of an operator: names and shapes of what it takes and gives, and the two computations."""

    _op: Any  # what torch.library made of it

    def __init__(self, name: str, inputs: Mapping[str, int], outputs: Mapping[str, Shape], rules: Rules) -> None:
        self.name, self.rules = name, rules
        self.names = [n.removesuffix("?") for n in inputs]
        self.cores = tuple(inputs.values())
        self.shapes = {n.removesuffix("?"): shape for n, shape in outputs.items()}
        self.may_lack_grad = [n.endswith("?") for n in outputs]
        self.checkpoints = list(rules.kernel.checkpoints) if rules.kernel else []
        self.saves = dict.fromkeys(self.names, ()) if rules.saves is None else dict(rules.saves)
        self.saved = [*(n for n in self.shapes if n in self.saves), *self.checkpoints]
        self.kernels: dict[str, Kernel] = {}
        n, m = len(self.names), len(self.shapes)
        self._inputs: Any = namedtuple(f"{name}_inputs", self.names)
        self._inputs.cores = self.cores
        self._outputs: Any = namedtuple(f"{name}_outputs", [*self.shapes, *self.checkpoints])
        self._grads: Any = namedtuple(f"{name}_grads", list(self.shapes))
        self._saved: Any = namedtuple(f"{name}_saved", self.saved)
        self._needs: Any = namedtuple(f"{name}_needs", self.names)
        self._remembered: dict[Any, tuple[tuple[int, ...], list[tuple[tuple[int, ...], torch.dtype]]]] = {}
        # Where the parts of the arguments of the gradient end.
        self._ends = (m, m + n, m + n + len(self.saved))
        # Whose gradients read a checkpoint.
        readers = {i for c in self.checkpoints for i in self.saves.get(c) or self.names}
        self._readers = [i for i, name in enumerate(self.names) if name in readers]

    def _split(self, args: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
        """Inputs and settings of the operator's arguments."""
        n = len(self.names)
        return self._inputs(*args[:n]), tuple(args[n : n + len(self.rules.settings)])

    def _split_backward(self, args: Sequence[Any]) -> tuple[Any, Any, Any, tuple[Any, ...], Any]:
        """Gradients, inputs, what was saved, settings and needs of the arguments of the gradient."""
        m, n, s = self._ends
        grads, inputs, saved = self._grads(*args[:m]), self._inputs(*args[m:n]), self._saved(*args[n:s])
        return grads, inputs, saved, tuple(args[s:-1]), self._needs(*args[-1])

    def _batch_shape(self, inputs: Sequence[Tensor | None]) -> tuple[int, ...]:
        return batch_shape_of(*zip(inputs, self.cores, strict=True))

    def _core_shapes(self, inputs: Sequence[Any], settings: Sequence[Any]) -> list[tuple[Sequence[int], torch.dtype]]:
        return [shape(*inputs, *settings) for shape in self.shapes.values()]

    def _result_shapes(self, args: Sequence[Any]) -> tuple[tuple[int, ...], list[tuple[tuple[int, ...], torch.dtype]]]:
        """The batch shape, and shape and dtype of each output and checkpoint."""
        inputs, settings = self._split(args)
        batch, shapes = self._batch_shape(inputs), self._core_shapes(inputs, settings)
        if self.checkpoints:
            kernel, keeping = self.kernels.get(next(t for t in inputs if t is not None).device.type), self.rules.keeping
            if keeping and not (kernel and kernel.serves(inputs, *settings)):
                kernel = keeping
            for name in self.checkpoints:
                core, dtype = ((0,), torch.float64)
                if kernel and kernel.checkpoints:
                    core, dtype = kernel.checkpoints[name](*inputs, *settings)
                shapes.append((core if args[-1] else (0, *core[1:]), dtype))
        return batch, [((*batch, *core), dtype) for core, dtype in shapes]

    def _empty_outputs(self, *args: Any) -> tuple[tuple[int, ...], Any]:
        """The batch shape, and outputs and checkpoints without values."""
        batch, shapes = self._result_shapes(args)
        like = next(t for t in args if t is not None)
        return batch, self._outputs(*[like.new_empty(shape, dtype=dtype) for shape, dtype in shapes])

    def _empty_outputs_again(self, *args: Any) -> tuple[tuple[int, ...], Any]:
        """``_empty_outputs`` of tensors with values, whose shapes are looked up once."""
        like = next(t for t in args if t is not None)
        about: list[Any] = [like.device]
        for a in args:
            about += (a.shape, a.dtype) if isinstance(a, Tensor) else (tuple(a) if isinstance(a, list) else a,)
        key = tuple(about)
        found = self._remembered.get(key)
        if found is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            found = self._remembered[key] = self._result_shapes(args)
        batch, shapes = found
        return batch, self._outputs(*[like.new_empty(shape, dtype=dtype) for shape, dtype in shapes])

    def _equation(
        self, inputs: Sequence[Any], settings: Sequence[Any], keeping: Keeping | None = None
    ) -> tuple[Tensor, ...]:
        """The outputs by the equation, in their shapes and dtypes, and what it keeps; differentiable."""
        batch, shapes = self._batch_shape(inputs), self._core_shapes(inputs, settings)
        if keeping:
            shapes += [shape(*inputs, *settings) for shape in keeping.checkpoints.values()]
        found = as_tuple((keeping or self.rules).equation(*inputs, *settings))
        return tuple(y.to(dtype).expand(*batch, *core) for y, (core, dtype) in zip(found, shapes, strict=True))

    def _forward_eager(self, *args: Any) -> Any:
        inputs, settings = self._split(args)
        shapes, like = self._result_shapes(args)[1], next(t for t in inputs if t is not None)
        rest, keeping = shapes[len(self.shapes) :], self._keeping(args, shapes)
        with exact_products(like.device):
            found = _owned(self._equation(inputs, settings, keeping), args)
        return as_results(found if keeping else [*found, *(like.new_zeros(s, dtype=t) for s, t in rest)])

    def _keeping(self, args: Sequence[Any], shapes: Sequence[tuple[tuple[int, ...], torch.dtype]]) -> Keeping | None:
        """The equation that keeps something, where there is one and its checkpoints are those that are asked for."""
        keeping = self.rules.keeping
        if keeping is None or not args[-1] or 0 in shapes[0][0]:
            return None
        inputs, settings = self._split(args)
        batch = self._batch_shape(inputs)
        own = [(*batch, *shape(*inputs, *settings)[0]) for shape in keeping.checkpoints.values()]
        return keeping if own == [shape for shape, _ in shapes[len(self.shapes) :]] else None

    def _forward_kernel(self, kernel: Kernel, *args: Any) -> Any:
        batch_shape, outputs = self._empty_outputs_again(*args)
        inputs, settings = self._split(args)
        if not outputs[0].numel() or not kernel.serves(inputs, *settings):
            return self._forward_eager(*args)
        bind = kernel.bind or functools.partial(functools.partial, kernel.forward)
        computed(bind, batch_shape, inputs, outputs, *settings)
        return as_results(outputs)

    def adjoint_of_equation(
        self, batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any, *settings: Any
    ) -> list[Tensor | None]:
        """The gradients by the equation; differentiable."""
        wanted = [i for i, need in enumerate(needs) if need]
        given = [i for i, g in enumerate(grads) if g is not None]

        def outputs(*primals: Tensor) -> tuple[Tensor, ...]:
            full = list(inputs)
            for i, p in zip(wanted, primals, strict=True):
                full[i] = p
            found = self._equation(full, settings)
            return tuple(found[i] for i in given)

        value, pull = torch.func.vjp(outputs, *(inputs[i] for i in wanted))[:2]
        found = pull(tuple(grads[i].expand_as(v) for i, v in zip(given, value, strict=True)))
        gradients: list[Tensor | None] = [None] * len(inputs)
        for i, g in zip(wanted, found, strict=True):
            gradients[i] = g
        return gradients

    def _backward_eager(self, *args: Any) -> Any:
        with exact_products(next(t.device for t in args if isinstance(t, Tensor))):
            found = self._gradients(self.rules.adjoint or self.adjoint_of_equation, args)
        return as_results(_owned(found, args))

    def _backward_kernel(self, kernel: Kernel, *args: Any) -> Any:
        grads, inputs, saved, settings, needs = self._split_backward(args)
        empty = 0 in (*self._batch_shape(inputs), *next(iter(self.shapes.values()))(*inputs, *settings)[0])
        if empty or not kernel.serves(inputs, *settings):
            return self._backward_eager(*args)
        if kernel.checkpoints and any(self._lacks(n, kernel, args) for n in self.checkpoints):
            again = self._outputs(*as_tuple(self._op(*inputs, *settings, True)))
            saved = saved._replace(**{n: getattr(again, n) for n in self.checkpoints})
            args = (*grads, *inputs, *saved, *settings, list(needs))
        return as_results(self._gradients(kernel.backward, args))

    def _lacks(self, checkpoint: str, kernel: Kernel, args: Sequence[Any]) -> bool:
        """Whether a checkpoint that is needed was not kept: the operator may be called by itself."""
        _, inputs, saved, settings, needs = self._split_backward(args)
        needed = not self.saves.get(checkpoint) or any(getattr(needs, n) for n in self.saves[checkpoint])
        return (
            needed
            and not getattr(saved, checkpoint).numel()
            and 0 not in kernel.checkpoints[checkpoint](*inputs, *settings)[0]
        )

    def _gradients(self, function: Any, args: Sequence[Any]) -> list[Tensor]:
        """One tensor per input, of its shape and dtype, summed over what was broadcast; empty if not needed."""
        grads, inputs, saved, settings, needs = self._split_backward(args)
        return self._fitted(function(self._batch_shape(inputs), grads, inputs, saved, needs, *settings), inputs, needs)

    def _fitted(self, found: Sequence[Any], inputs: Sequence[Any], needs: Sequence[bool]) -> list[Tensor]:
        like, fitted = next(t for t in inputs if t is not None), []
        for g, t, need in zip(found, inputs, needs, strict=True):
            if not need:
                g = like.new_empty(0)
            elif g.shape != t.shape or g.dtype != t.dtype:
                g = g.sum_to_size(t.shape).to(t.dtype)
            fitted.append(g.contiguous())
        return fitted

    def _empty_gradients(self, *args: Any) -> Any:
        _, inputs, _, _, needs = self._split_backward(args)
        like = next(t for t in inputs if t is not None)
        pairs = zip(inputs, needs, strict=True)
        return as_results([t.new_empty(t.shape) if need else like.new_empty(0) for t, need in pairs])
