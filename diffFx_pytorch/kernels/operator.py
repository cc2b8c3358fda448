"""An operator from one declaration: its tensors, its outputs, the equation in eager torch, and a kernel per device.

Schema, fake, gradients of any order, forward mode (also over the gradient), ``vmap`` and ``torch.compile`` are written
here, once. A device without a kernel runs the equation; its gradient is ``torch.func.vjp`` of the equation, which is
right below the dispatcher, where ``torch.autograd.grad`` would see nothing.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .dispatch import Dispatched
from .rows import as_rows, as_whole_rows, denormal_threshold, indexed_rows
from .table import Keeping, Kernel, Rules, Shape, Table, as_results, as_tuple, differentiable
from .threads import bound_rows, run_rows
from .transforms import batch_first, forward_mode_active, needs_grad, tangent_by_transposition, with_transforms

_TYPES = {int: "int", float: "float", bool: "bool", str: "str", torch.dtype: "ScalarType", list[int]: "int[]"}


def row_kernel(forward: Callable[..., None], backward: Callable[..., None] | None = None, grain: int = 1) -> Kernel:
    """A CPU kernel of functions over rows: ``forward(start, stop, ...)`` computes rows ``start`` to ``stop - 1``.

    Args:
        forward: takes, after start and stop, for each input an array (rows, *core) and the index of the row of it that
            each output row reads; the settings; the denormal threshold; and an array (rows, *core) per output, to fill.
        backward: takes the gradient (rows, *core) of each output; array and index of each input; the saved outputs;
            the settings; the denormal threshold; and a gradient (rows, *core) per input, to fill.
        grain: rows that the functions compute together.
    """

    def bind(batch_shape: tuple[int, ...], inputs: Any, outputs: Any, *settings: Any) -> Callable[[], None]:
        read = _indexed(inputs, inputs.cores, batch_shape)
        write = [as_rows(t, t.dim() - len(batch_shape)) for t in outputs]
        threshold = denormal_threshold(outputs[0].dtype)
        return bound_rows(forward, math.prod(batch_shape), grain, *read, *settings, threshold, *write)

    def run_backward(
        batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any, *settings: Any
    ) -> list[Tensor]:
        assert backward is not None
        read = [as_whole_rows(g, g.dim() - len(batch_shape), batch_shape) for g in grads]
        read += _indexed(inputs, inputs.cores, batch_shape)
        read += [as_whole_rows(t, t.dim() - len(batch_shape), batch_shape) for t in saved]
        found = [t.new_empty(*batch_shape, *t.shape[t.dim() - c :]) for t, c in zip(inputs, inputs.cores, strict=True)]
        write = [as_rows(t, c) for t, c in zip(found, inputs.cores, strict=True)]
        run_rows(backward, math.prod(batch_shape), grain, *read, *settings, denormal_threshold(grads[0].dtype), *write)
        return found

    return Kernel.bound(bind, run_backward if backward else None)


def _indexed(inputs: Sequence[Tensor], cores: Sequence[int], batch_shape: tuple[int, ...]) -> list[Any]:
    return [part for t, c in zip(inputs, cores, strict=True) for part in indexed_rows(t, c, batch_shape)]


class Operator(Table):
    """What `define` returns: call it with inputs and settings, in order; `register` a kernel for another device."""

    def __init__(self, name: str, inputs: Mapping[str, int], outputs: Mapping[str, Shape], rules: Rules) -> None:
        super().__init__(name, inputs, outputs, rules)
        n, m = len(self.names), len(self.shapes)
        tensors = [f"Tensor{'?' * i.endswith('?')} {i.removesuffix('?')}" for i in inputs]
        settings = [f"{_TYPES[kind]} {i}" for i, kind in rules.settings.items()]
        keep = ["bool keep_checkpoints"] * bool(self.checkpoints)
        self._op = self._define("", self._forward_eager, [*tensors, *settings, *keep], m + len(self.checkpoints))
        self._op.register_fake(lambda *args: as_results(self._empty_outputs(*args)[1]))
        self._call: Any = self._op
        if rules.differentiable:
            given = [f"Tensor? grad_{i}" for i in self.shapes]
            kept = [f"Tensor? saved_{i}" for i in self.saved]
            arguments = [*given, *tensors, *kept, *settings, "bool[] needs"]
            self._op_backward = self._define("_backward", self._backward_eager, arguments, n)
            self._op_backward.register_fake(self._empty_gradients)
            self._call = with_transforms(self._op, self._setup, self._first, self._forward_mode, self._batched)
            self._call_backward = with_transforms(
                self._op_backward, self._setup_second, self._second, self._second_forward_mode, self._batched_backward
            )
        else:
            self._op.register_vmap(self._batched)
        if rules.kernel:
            self.register("cpu", rules.kernel)

    def _define(self, suffix: str, function: Callable[..., Any], arguments: list[str], results: int) -> Any:
        schema = f"({', '.join(arguments)}) -> ({', '.join(['Tensor'] * results)})"
        return Dispatched(self.name + suffix, schema, function, self.rules.waits)

    def __call__(self, *args: Any) -> Any:
        """The outputs: a tensor where there is one, else a tuple."""
        if not self.rules.differentiable:
            args = tuple(a.detach() if isinstance(a, Tensor) else a for a in args)
        elif self.checkpoints:
            args = (*args, needs_grad(*[args[i] for i in self._readers]))
        found = as_tuple(self._call(*args))
        return as_results(found[: len(self.shapes)])

    def register(self, device: str, kernel: Kernel) -> None:
        """Give a type of device, such as "cuda", its kernel; without one it runs the equation.

        The kernel's checkpoints have the names of those of the first kernel, or there are none.
        """
        self.kernels[device] = kernel
        self._remembered.clear()  # checkpoints are the kernel's
        self._op.register_kernel(device, lambda *args: self._forward_kernel(kernel, *args))
        if self.rules.differentiable and kernel.backward is not None:
            self._op_backward.register_kernel(device, lambda *args: self._backward_kernel(kernel, *args))

    def gradient(self, *args: Any, needs: Sequence[bool]) -> tuple[Tensor, ...]:
        """The gradients of the inputs, for rules of derivatives: those that ``needs`` names, the others empty.

        Args:
            args: the gradients of the outputs, the inputs, what the gradient reads of the outputs, the settings.
            needs: which inputs' gradients to compute.
        """
        return as_tuple(self._call_backward(*args, list(needs)))

    # Derivatives.

    def _setup(self, ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        given, ctx.settings = self._split(inputs)
        outputs = as_tuple(output)
        needs = dict(zip(self.names, ctx.needs_input_grad, strict=False))
        values = dict(zip((*self.names, *self._outputs._fields), (*given, *outputs), strict=True))
        ctx.save_for_backward(
            *(
                values[n] if not self.saves.get(n) or any(needs[i] for i in self.saves[n]) else None
                for n in (*(i for i in self.names if i in self.saves), *self.saved)
            )
        )
        ctx.inputs = [None if t is None else (t.shape, t.dtype) for t in given]
        ctx.outputs = [(t.shape, t.dtype) for t in outputs[: len(self.shapes)]]
        ctx.mark_non_differentiable(*(t for t in outputs[len(self.shapes) :]))
        ctx.set_materialize_grads(False)  # the checkpoints are large
        if forward_mode_active():
            ctx.save_for_forward(*given, *outputs[: len(self.shapes)])

    def _first(self, ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        n, m = len(self.names), len(self.shapes)
        needs = [bool(need) for need in ctx.needs_input_grad[:n]]
        nothing = (None,) * (len(ctx.needs_input_grad) - n)
        like = next((g for g in grads[:m] if g is not None), None)
        if like is None or not any(needs):
            return (None,) * n + nothing
        given = [
            like.new_zeros((), dtype=dtype).expand(shape) if g is None and not optional else g
            for g, (shape, dtype), optional in zip(grads, ctx.outputs, self.may_lack_grad, strict=False)
        ]
        kept = iter(ctx.saved_tensors)
        inputs = [next(kept) if name in self.saves else None for name in self.names]
        # What is not read is not kept alive: only its shape is told.
        inputs = [
            t if t is not None or about is None else like.new_empty((), dtype=about[1]).expand(about[0])
            for t, about in zip(inputs, ctx.inputs, strict=True)
        ]
        found = as_tuple(self._call_backward(*given, *inputs, *kept, *ctx.settings, needs))
        return *(g if need else None for g, need in zip(found, needs, strict=True)), *nothing

    def _forward_mode(self, ctx: Any, *along: Any) -> Any:
        n = len(self.names)
        inputs, outputs = ctx.saved_tensors[:n], ctx.saved_tensors[n:]
        if self.rules.tangent:
            found = as_tuple(
                self.rules.tangent(self._inputs(*inputs), outputs, self._inputs(*along[:n]), *ctx.settings)
            )
        else:
            given = [i for i, d in enumerate(along[:n]) if d is not None]

            def of_given(*primals: Tensor) -> tuple[Tensor, ...]:
                full = list(inputs)
                for i, p in zip(given, primals, strict=True):
                    full[i] = p
                return self._equation(full, ctx.settings)

            found = tangent_by_transposition(of_given, [inputs[i] for i in given], [along[i] for i in given])
        return as_results((*found, *[None] * len(self.checkpoints)))

    def _setup_second(self, ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.given, ctx.settings, ctx.needs = self._ends[2], tuple(inputs[self._ends[2] : -1]), self._needs(*inputs[-1])
        found = as_tuple(output) if self.rules.second else ()
        ctx.save_for_backward(*inputs[: ctx.given], *found)
        ctx.set_materialize_grads(False)
        if forward_mode_active():
            ctx.save_for_forward(*inputs[: ctx.given], *found)

    def _second_parts(self, ctx: Any) -> tuple[Any, Any, Any, Any]:
        tensors = ctx.saved_tensors
        m, n, s = self._ends
        saved = self._saved(*tensors[n:s])
        return self._grads(*tensors[:m]), self._inputs(*tensors[m:n]), saved, self._inputs_of(tensors[s:])

    def _inputs_of(self, values: Sequence[Any]) -> Any:
        return self._inputs(*values) if values else None

    def _gradient_of(
        self, ctx: Any, grads: Any, inputs: Any, saved: Any
    ) -> tuple[Callable[..., Any], list[int], list[Tensor]]:
        """The needed gradients as a function of gradients of outputs, inputs and what was saved, and what it takes.

        By the equation they do not depend on what was saved.
        """
        everything, (m, n, _) = (*grads, *inputs, *saved), self._ends
        end = len(everything) - len(self.checkpoints) if self.rules.adjoint else n
        free = [i for i, t in enumerate(everything[:end]) if differentiable(t)]

        def gradients(*given: Tensor) -> tuple[Tensor, ...]:
            full = list(everything)
            for i, t in zip(free, given, strict=True):
                full[i] = t
            grads, inputs, saved = self._grads(*full[:m]), self._inputs(*full[m:n]), self._saved(*full[n:])
            adjoint: Any = self.rules.adjoint or self.adjoint_of_equation
            found = adjoint(self._batch_shape(inputs), grads, inputs, saved, ctx.needs, *ctx.settings)
            return tuple(g.sum_to_size(t.shape) for g, t, need in zip(found, inputs, ctx.needs, strict=True) if need)

        return gradients, free, [everything[i] for i in free]

    def _second(self, ctx: Any, *directions: Tensor | None) -> tuple[Tensor | None, ...]:
        grads, inputs, saved, found = self._second_parts(ctx)
        along = [d if need else None for d, need in zip(directions, ctx.needs, strict=True)]
        if self.rules.second:
            result = list(self.rules.second(grads, inputs, saved, found, self._inputs(*along), *ctx.settings))
        elif self.rules.tangent:
            result = self._product_rule(grads, inputs, along, ctx.settings)
        else:
            gradients, free, given = self._gradient_of(ctx, grads, inputs, saved)
            value, pull = torch.func.vjp(gradients, *given)[:2]
            needed = [d for d, need in zip(along, ctx.needs, strict=True) if need]
            pulled = pull(tuple(torch.zeros_like(v) if d is None else d for d, v in zip(needed, value, strict=True)))
            result = [None] * self._ends[2]
            for i, g in zip(free, pulled, strict=True):
                result[i] = g
        everything = (*grads, *inputs, *saved)
        result += [None] * (len(everything) - len(result))
        return (
            *(
                g.sum_to_size(t.shape).to(t.dtype) if need and g is not None else None
                for g, t, need in zip(result, everything, ctx.needs_input_grad, strict=False)
            ),
            *[None] * (len(ctx.needs_input_grad) - len(everything)),
        )

    def _product_rule(
        self, grads: Any, inputs: Any, along: Sequence[Tensor | None], settings: Sequence[Any]
    ) -> list[Tensor | None]:
        """Gradient of <grads, tangent along the directions> to grads and inputs.

        That inner product is the one of the directions with the first derivative; the Hessian being symmetric, its
        gradient to the inputs is also the tangent of the first derivative.
        """
        everything, tangent = (*grads, *inputs), self.rules.tangent
        assert tangent is not None
        free = [i for i, t in enumerate(everything) if differentiable(t)]
        m = len(grads)

        def inner(*given: Tensor) -> Tensor:
            full = list(everything)
            for i, t in zip(free, given, strict=True):
                full[i] = t
            moved = tangent(self._inputs(*full[m:]), None, self._inputs(*along), *settings)
            pairs = zip(full[:m], as_tuple(moved), strict=True)
            return functools.reduce(torch.add, [(g * d).sum().double() for g, d in pairs if g is not None])

        value, pull = torch.func.vjp(inner, *(everything[i] for i in free))[:2]
        result: list[Tensor | None] = [None] * len(everything)
        for i, g in zip(free, pull(torch.ones_like(value)), strict=True):
            result[i] = g
        return result

    def _second_forward_mode(self, ctx: Any, *along: Any) -> Any:
        grads, inputs, saved, found = self._second_parts(ctx)
        m, n, s = self._ends
        if self.rules.second_tangent:
            moved = self._grads(*along[:m]), self._inputs(*along[m:n]), self._saved(*along[n:s])
            result = self.rules.second_tangent(grads, inputs, saved, found, *moved, ctx.needs, *ctx.settings)
        elif self.rules.tangent:
            d_grads = [
                torch.zeros_like(g) if d is None and g is not None else d for g, d in zip(grads, along, strict=False)
            ]
            linear = as_tuple(self._call_backward(*d_grads, *inputs, *saved, *ctx.settings, list(ctx.needs)))
            curved = self._product_rule(grads, inputs, along[m:n], ctx.settings)[m:]
            pairs = zip(linear, curved, ctx.needs, strict=True)
            result = [a + b.to(a.dtype) if need and b is not None else a for a, b, need in pairs]
        else:
            gradients, free, given = self._gradient_of(ctx, grads, inputs, saved)
            moved = [torch.zeros_like(t) if along[i] is None else along[i] for i, t in zip(free, given, strict=True)]
            needed = iter(tangent_by_transposition(gradients, given, moved))
            result = [next(needed) if need else None for need in ctx.needs]
        fitted, like = self._fitted(result, inputs, ctx.needs), next(t for t in inputs if t is not None)
        # In place of a gradient that is not needed stands nothing, of the type of the first input.
        whole = not (like.is_floating_point() or like.is_complex())
        return as_results([None if whole and not need else g for g, need in zip(fitted, ctx.needs, strict=True)])

    # vmap.

    def _batched(self, info: Any, dims: Sequence[int | None], *args: Any) -> tuple[Any, Any]:
        n = len(self.names)
        moved = batch_first(info.batch_size, dims[:n], args[:n], self.cores)
        found = self._call(*moved, *args[n:])
        return found, 0 if isinstance(found, Tensor) else (0,) * len(found)

    def _batched_backward(self, info: Any, dims: Sequence[int | None], *args: Any) -> tuple[Any, Any]:
        m, n, s = self._ends
        _, inputs, _, settings, needs = self._split_backward(args)
        size, batched = info.batch_size, [d is not None for d in dims[:s]]
        own = [
            () if t is None else t.shape if d is None else (*t.shape[:d], *t.shape[d + 1 :])
            for t, d in zip(inputs, dims[m:n], strict=True)
        ]
        outer = max(
            t.dim() - core - b for t, core, b in zip(inputs, self.cores, batched[m:n], strict=True) if t is not None
        )
        cores = [0 if t is None else t.dim() - b - outer for t, b in zip(args[:s], batched, strict=True)]
        cores[m:n] = self.cores
        # A gradient belongs to each mapped item even where the item's argument was shared. Of what is no input the
        # kernels tell the core by what is left behind the batch.
        expand = [i < m or i >= n or needs[i - m] for i in range(s)]
        moved = batch_first(size, dims[:s], args[:s], cores, expand)
        found = as_tuple(self._call_backward(*moved, *settings, list(needs)))
        shaped = [g.reshape(size, *shape) if need else g for g, shape, need in zip(found, own, needs, strict=True)]
        return as_results(shaped), as_results([0 if need else None for need in needs])


def define(
    name: str,
    inputs: Mapping[str, int],
    outputs: Mapping[str, Shape],
    equation: Callable[..., Any],
    kernel: Kernel | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    saves: Mapping[str, Sequence[str]] | None = None,
    differentiable: bool = True,
    adjoint: Callable[..., Any] | None = None,
    tangent: Callable[..., Any] | None = None,
    second: Callable[..., Any] | None = None,
    second_tangent: Callable[..., Any] | None = None,
    waits: bool = False,
    keeping: Keeping | None = None,
) -> Operator:
    """Register ``diffFx::<name>`` and its gradient with everything that torch asks of an operator.

    Args:
        name: of the operator.
        inputs: each tensor's name and number of core axes; all axes before these are batch dimensions, which
            broadcast. A name that ends in "?" may be given as None.
        outputs: each output's name and a function ``(*inputs, *settings)`` to its core shape and dtype. The gradient of
            a name that ends in "?" reaches the kernel as None where there is none, any other as zeros.
        equation: ``(*inputs, *settings)`` to the outputs in eager torch operations, differentiable, for any batch
            shapes that broadcast. It serves every device without a kernel.
        kernel: of the CPU.
        settings: further arguments that are no tensors: name and Python type.
        saves: the inputs, outputs and checkpoints that the gradient reads, each with the inputs whose gradients read it
            (none named: all). Where none of those is needed, or a name is left out, an input reaches the kernel as a
            tensor of its shape without values, an output or checkpoint as None. By default all inputs.
        differentiable: whether there are gradients at all.
        adjoint: a gradient in eager operations where that of the equation is not good enough; as `Kernel.backward`.
        tangent: ``(inputs, outputs, along, *settings)`` to the tangents of the outputs, differentiable; outputs are
            None where they are to be computed anew. Without it the tangent is that of the equation.
        second: ``(grads, inputs, saved, gradients, along, *settings)``: given what `Kernel.backward` was given and
            returned, and the directions of what it returned, the gradients to grads, inputs and saved.
        second_tangent: ``(grads, inputs, saved, gradients, *their directions, needs, *settings)``: the tangents of the
            gradients.
        waits: whether it and its gradient look at values on every device but the CPU, as an equation does to which no
            kernel comes in aid: torch then makes no CUDA graph of it.
        keeping: what devices without a kernel run where a gradient may be wanted, for an ``adjoint`` that reads it.

    Returns:
        The operator. Its gradients have the shapes and dtypes of the inputs.

    Raises:
        ValueError: for a name that is defined already; ``forget`` gives it back.
    """
    derivatives = differentiable, adjoint, tangent, second, second_tangent
    rules = Rules(equation, kernel, settings or {}, saves, *derivatives, waits, keeping)
    return Operator(name, inputs, outputs, rules)
