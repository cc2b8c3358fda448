"""Cascades of second-order sections as operators: what `sosfilt` and `svfilt` have in common.

A family of operators is two kernels for the CPU, forward and adjoint, and one plain function in torch operations that
serves devices without a kernel, second derivatives and forward mode. All tensors of an operator have the same number
of leading dimensions, which broadcast; coefficients that rows share are never expanded.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.recursion.cpu.biquad_tile import BLOCK

TINY = 1e-250
"""States below this become 0 between tiles: over the denormals, and under whatever scale a first section works at."""

Forward = Callable[..., None]
Backward = Callable[..., None]


def _lead(x: Tensor, coef: Tensor, zi: Tensor) -> tuple[int, ...]:
    return tuple(torch.broadcast_shapes(x.shape[:-1], coef.shape[:-3], zi.shape[:-2]))


@functools.lru_cache(maxsize=256)
def _row_index(own: tuple[int, ...], lead: tuple[int, ...]) -> np.ndarray:
    """For each row of ``lead``, flattened, the row that it reads of an array with leading shape ``own``."""
    index = np.arange(math.prod(own), dtype=np.int64).reshape(own)
    return np.broadcast_to(index, lead).flatten()


def _flat(t: Tensor, lead: tuple[int, ...], kept: int) -> Tensor:
    """All rows of ``lead``, with the last ``kept`` dimensions as they are, contiguous."""
    own = t.shape[t.ndim - kept :]
    return t.expand(*lead, *own).reshape(math.prod(lead), *own).contiguous()


def _own(coef: Tensor) -> Tensor:
    return coef.reshape(math.prod(coef.shape[:-3]), *coef.shape[-3:]).contiguous()


def _rows(t: Tensor, lead: tuple[int, ...]) -> Tensor:
    return t.view(math.prod(lead), *t.shape[len(lead) :])


def define_cascade(name: str, plain: Callable[..., tuple[Tensor, Tensor]], forward: Forward, backward: Backward) -> Any:
    """Register the operators ``diffFx::<name>`` and ``diffFx::<name>_backward``; return the function to call.

    Args:
        name: of the operators.
        plain: ``(x, coef, zi) -> (y, zf)`` over rows in float64, differentiable.
        forward: ``(x, coef, rows, zi, y, zf, kept)`` fills the last three.
        backward: ``(gy, gzf, x, coef, rows, kept, gx, gcoef, gzi)`` fills the last three; ``gcoef`` is zeros
            where the coefficients are constant, or empty where no gradient is wanted.

    Returns:
        ``call(x, coef, zi, keep) -> (y, zf, kept)`` with x (..., T), coef (..., T or 1, K, n), zi (..., K, 2) in
        float64; ``keep`` keeps the states before each tile, which the first derivative to coef starts from.
    """

    def plain_lead(x: Tensor, coef: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
        lead = _lead(x, coef, zi)
        y, zf = plain(_flat(x.double(), lead, 1), _flat(coef.double(), lead, 3), _flat(zi, lead, 2))
        return y.reshape(*lead, x.shape[-1]).to(x.dtype), zf.reshape(*lead, *zi.shape[-2:])

    def plain_adjoint(gy: Tensor, gzf: Tensor, x: Tensor, coef: Tensor, zi: Tensor) -> tuple[Tensor, ...]:
        return torch.func.vjp(plain_lead, x, coef, zi)[1]((gy, gzf))

    def schema_outputs(x: Tensor, coef: Tensor, zi: Tensor, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
        lead, T, K = _lead(x, coef, zi), x.shape[-1], zi.shape[-2]
        tiles = -(-T // BLOCK) if keep and x.device.type == "cpu" else 0
        return (
            x.new_empty(*lead, T),
            zi.new_empty(*lead, K, 2),
            zi.new_empty(*lead, tiles, K, 2),
        )

    @torch.library.custom_op(f"diffFx::{name}", mutates_args=())
    def operator(x: Tensor, coef: Tensor, zi: Tensor, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
        y, zf = plain_lead(x, coef, zi)
        return y.clone(), zf.clone(), zi.new_empty(*zf.shape[:-2], 0, *zf.shape[-2:])

    @operator.register_kernel("cpu")
    def _(x: Tensor, coef: Tensor, zi: Tensor, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
        y, zf, kept = schema_outputs(x, coef, zi, keep)
        lead = tuple(y.shape[:-1])
        zi_rows = _flat(zi, lead, 2)
        if y.numel() and zi.shape[-2]:
            rows = _row_index(tuple(coef.shape[:-3]), lead)
            own = _own(coef)
            forward(_flat(x, lead, 1), own, rows, zi_rows, _rows(y, lead), _rows(zf, lead), _rows(kept, lead))
        else:
            y.copy_(x.expand(y.shape))
            zf.copy_(zi.expand(zf.shape))
        return y, zf, kept

    @operator.register_fake
    def _(x: Tensor, coef: Tensor, zi: Tensor, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
        return schema_outputs(x, coef, zi, keep)

    @torch.library.custom_op(f"diffFx::{name}_backward", mutates_args=())
    def adjoint(
        gy: Tensor, gzf: Tensor, x: Tensor, coef: Tensor, zi: Tensor, kept: Tensor, want: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        gx, gcoef, gzi = plain_adjoint(gy, gzf, x, coef, zi)
        return gx.clone(), gcoef.clone() if want else coef.new_empty(0), gzi.clone()

    @adjoint.register_kernel("cpu")
    def _(
        gy: Tensor, gzf: Tensor, x: Tensor, coef: Tensor, zi: Tensor, kept: Tensor, want: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        lead, T = _lead(x, coef, zi), x.shape[-1]
        own = _own(coef)
        gx, gzi = x.new_empty(*lead, T), zi.new_empty(*lead, *zi.shape[-2:])
        # Moving coefficients' gradient is large and written once; constant ones' is a sum.
        gcoef = own.new_empty(own.shape if want else (0, *own.shape[1:]))
        if own.shape[1] == 1 or not gx.numel():
            gcoef.zero_()
        if gx.numel() and zi.shape[-2]:
            x_rows = _flat(x, lead, 1)
            if want and kept.shape[-3] == 0:
                kept = operator(x, coef, zi, True)[2]
            backward(
                _flat(gy, lead, 1),
                _flat(gzf, lead, 2),
                x_rows,
                own,
                _row_index(tuple(coef.shape[:-3]), lead),
                _flat(kept if want else kept[..., :0, :, :], lead, 3),
                _rows(gx, lead),
                gcoef,
                _rows(gzi, lead),
            )
        else:
            gx.copy_(gy.expand(gx.shape))
            gzi.copy_(gzf.expand(gzi.shape))
        gx_own = gx.sum_to_size(x.shape)
        gzi_own = gzi.sum_to_size(zi.shape)
        return (
            gx_own,
            gcoef.reshape(coef.shape) if want else coef.new_empty(0),
            gzi_own,
        )

    @adjoint.register_fake
    def _(
        gy: Tensor, gzf: Tensor, x: Tensor, coef: Tensor, zi: Tensor, kept: Tensor, want: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        return x.new_empty(x.shape), coef.new_empty(coef.shape if want else (0,)), zi.new_empty(zi.shape)

    def setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs[:3], output[2])
        ctx.save_for_forward(*inputs[:3])
        ctx.mark_non_differentiable(output[2])
        ctx.set_materialize_grads(False)  # zeros as large as the states kept

    def first_derivative(ctx: Any, gy: Tensor | None, gzf: Tensor | None, _: Any) -> tuple[Tensor | None, ...]:
        x, coef, zi, kept = ctx.saved_tensors
        lead = _lead(x, coef, zi)
        gy = x.new_zeros(*lead, x.shape[-1]) if gy is None else gy
        gzf = zi.new_zeros(*lead, *zi.shape[-2:]) if gzf is None else gzf
        needs = ctx.needs_input_grad
        gx, gcoef, gzi = call_adjoint(gy, gzf, x, coef, zi, kept, needs[1])
        return gx if needs[0] else None, gcoef if needs[1] else None, gzi if needs[2] else None, None

    def tangent(ctx: Any, *tangents: Any) -> tuple[Any, ...]:
        # The adjoint is linear in the cotangent; its own adjoint is the tangent. Reverse mode alone nests everywhere.
        primals = ctx.saved_tensors[:3]
        along = tuple(torch.zeros_like(p) if t is None else t for p, t in zip(primals, tangents[:3], strict=True))
        y, zf = plain_lead(*primals)
        pull = torch.func.vjp(
            lambda gy, gzf: plain_adjoint(gy, gzf, *primals), torch.zeros_like(y), torch.zeros_like(zf)
        )[1]
        return *pull(along), None

    def setup_adjoint(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs[:5])
        ctx.want = inputs[6]

    def second_derivative(ctx: Any, *directions: Tensor) -> tuple[Tensor | None, ...]:
        along = (directions[0], directions[1] if ctx.want else torch.zeros_like(ctx.saved_tensors[3]), directions[2])
        return *torch.func.vjp(plain_adjoint, *ctx.saved_tensors)[1](along), None, None

    def no_tangent(ctx: Any, *tangents: Any) -> Any:
        raise NotImplementedError(f"{name}: forward mode over its gradient is not available; use reverse mode twice.")

    call = _callable(operator, setup, first_derivative, tangent, expand=())
    # A gradient belongs to each mapped item even where the item's argument was shared, so arguments are expanded.
    call_adjoint = _callable(adjoint, setup_adjoint, second_derivative, no_tangent, expand=(2, 3, 4, 5))
    return call


def _callable(op: Any, setup: Any, backward: Any, jvp: Any, expand: Sequence[int]) -> Callable[..., Any]:
    """Register gradient and batching; return the function that calls the operator, under transforms through a twin.

    ``torch.func`` refuses operators whose gradient is registered with ``torch.library``, and forward mode has no rule
    there; an ``autograd.Function`` of the same formulas has both.
    """

    def batched(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Any, Any]:
        moved = []
        for i, (dim, arg) in enumerate(zip(in_dims, args, strict=True)):
            if isinstance(arg, Tensor):
                arg = arg.unsqueeze(0) if dim is None else arg.movedim(dim, 0)
                if i in expand:
                    arg = arg.expand(info.batch_size, *arg.shape[1:])
            moved.append(arg)
        outputs = call(*moved)
        # Without any mapped argument but constants every output still has a leading 1, and an empty one has no rows.
        return outputs, tuple(None if o.ndim == 1 and o.numel() == 0 else 0 for o in outputs)

    twin = type(
        f"{op._name}_twin",
        (torch.autograd.Function,),
        {
            "forward": staticmethod(lambda *args: op(*args)),
            "setup_context": staticmethod(setup),
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

    op.register_autograd(backward, setup_context=setup)
    op.register_vmap(batched)
    return call
