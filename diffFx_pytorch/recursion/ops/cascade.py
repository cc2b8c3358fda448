"""Cascades of second-order sections as operators: what `sosfilt`, `svfilt` and `allpass_loop` have in common."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels import Kernel, Operator, define
from diffFx_pytorch.kernels.bound import is_constant
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.precision import exact_products, widest
from diffFx_pytorch.kernels.rows import as_rows, as_whole_rows, broadcast_shape, indexed_rows
from diffFx_pytorch.kernels.transforms import transforms_active
from diffFx_pytorch.recursion.checks import broadcast_batch, check_signal, coefficients, initial_state
from diffFx_pytorch.recursion.control_points import check_points
from diffFx_pytorch.recursion.cpu.biquad_tile import BLOCK
from diffFx_pytorch.recursion.cuda.chunks import section_states
from diffFx_pytorch.recursion.fallback.groups import Groups
from diffFx_pytorch.recursion.fallback.moving import MovingDesign, moving_cascade, moving_cascade_adjoint
from diffFx_pytorch.recursion.fallback.sections import Design, cascade, constant_cascade, constant_cascade_adjoint

DENORMAL_THRESHOLD = 1e-250
"""States below this become 0 between tiles: over the denormals, and under whatever scale a first section works at."""


SECTIONS_ON_CUDA = triton_kernel("diffFx_pytorch.recursion.cuda.sections", {"checkpoints": section_states})
"""Of moving sections, state variable filters or biquads."""


def over_rows(
    equation: Callable[..., tuple[Tensor, Tensor]], x: Tensor, coef: Tensor, zi: Tensor
) -> tuple[Tensor, Tensor]:
    """An equation of rows in float64, for x (..., T), coef (..., T or 1, K, n) and zi (..., K, 2) that broadcast."""
    batch = broadcast_shape(x.shape[:-1], coef.shape[:-3], zi.shape[:-2])
    y, zf = equation(*wide_rows(batch, (x, 1), (coef, 3), (zi, 2)))
    return y.reshape(*batch, x.shape[-1]), zf.reshape(*batch, *zi.shape[-2:])


def wide_rows(batch: Sequence[int], *given: tuple[Tensor, int]) -> list[Tensor]:
    """Tensors with so many core axes as rows (R, ...) in the widest precision."""
    shapes = [t.shape[t.dim() - core :] for t, core in given]
    return [
        t.to(widest(t.device)).expand(*batch, *shape).reshape(math.prod(batch), *shape)
        for (t, _), shape in zip(given, shapes, strict=True)
    ]


class Equations:
    """Sections in eager operations, for x (..., T), coef (..., T or 1, K, n) and zi (..., K, 2) that broadcast.

    Args:
        still: design of constant sections from coefficients.
        moving: design of time-varying ones, which are scanned without derivatives.
        differentiable: design of time-varying ones in the coordinates of the states that users see, for ``torch.func``:
            derivatives of higher order are those of slower operations.
    """

    def __init__(self, still: Design, moving: MovingDesign, differentiable: Design) -> None:
        self.still, self.moving, self.differentiable = still, moving, differentiable

    def __call__(self, x: Tensor, coef: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
        """Output and last states."""
        batch = broadcast_shape(x.shape[:-1], coef.shape[:-3], zi.shape[:-2])
        if 0 in (*batch, x.shape[-1], zi.shape[-2]):
            return x.expand(*batch, x.shape[-1]), zi.expand(*batch, *zi.shape[-2:])
        with exact_products(x.device):
            if coef.shape[-3] != 1 and transforms_active():
                return over_rows(lambda x, c, s: cascade(x, self.differentiable(c), s), x, coef, zi)
            groups, (signal, own, start) = grouped(batch, x, coef, zi)
            if coef.shape[-3] == 1:
                y, zf = constant_cascade(self.still, signal, own.squeeze(1).to(start.dtype), start)
            else:
                y, zf = moving_cascade(self.moving, signal, own, start)
        return groups.apart(y), groups.apart(zf)

    def adjoint(self, batch: Any, grads: Any, inputs: Any, saved: Any, needs: Any) -> tuple[Tensor | None, ...]:
        """The gradients of x, coef and zi, as `define` takes them."""
        x, coef, zi = inputs
        return self.gradients(batch, grads, x, coef, zi, needs.coef)

    def gradients(
        self, batch: Any, grads: Any, x: Tensor, coef: Tensor, zi: Tensor, of_coef: bool
    ) -> tuple[Tensor | None, ...]:
        """The gradients of x, coef (where it needs one) and zi."""
        gy, gzf = grads.y.expand(*batch, -1), grads.zf.expand(*batch, -1, -1)
        if 0 in (*batch, x.shape[-1], zi.shape[-2]):
            return gy, torch.zeros_like(coef), gzf
        with exact_products(x.device):
            if coef.shape[-3] != 1 and transforms_active():
                return torch.func.vjp(self, x, coef, zi)[1]((gy.to(zi.dtype), gzf))
            groups, (signal, own, start) = grouped(batch, x, coef, zi)
            gy, gzf = groups.rows(gy, 1), groups.rows(gzf.to(start.dtype), 2)
            if coef.shape[-3] == 1:
                own = own.squeeze(1).to(start.dtype)
                gx, gcoef, gzi = constant_cascade_adjoint(self.still, gy, gzf, signal, own, start, of_coef)
                gcoef = None if gcoef is None else gcoef.unsqueeze(1)
            else:
                gx, gcoef, gzi = moving_cascade_adjoint(self.moving, gy, gzf, signal, own, start)
        return groups.apart(gx), None if gcoef is None else groups.of_sets(gcoef), groups.apart(gzi)


def grouped(batch: Sequence[int], x: Tensor, coef: Tensor, zi: Tensor) -> tuple[Groups, tuple[Tensor, Tensor, Tensor]]:
    """Rows side by side: (Q, P, T), (Q, T or 1, K, n) and, in the widest precision, (Q, P, K, 2)."""
    groups = Groups(batch, coef, 3)
    return groups, (groups.rows(x, 1), groups.sets(coef), groups.rows(zi.to(widest(x.device)), 2))


def define_cascade(
    name: str,
    equation: Callable[..., tuple[Tensor, Tensor]],
    forward: Callable[..., Callable[[], None]],
    backward: Callable[..., None],
    adjoint: Callable[..., Any] | None = None,
) -> Operator:
    """Declare the operator ``diffFx::<name>``: ``(x (..., T), coef (..., T or 1, K, n), zi (..., K, 2)) -> (y, zf)``.

    Args:
        name: of the operator.
        equation: ``(x, coef, zi) -> (y, zf)`` in eager operations, differentiable.
        forward: ``(x, coef, coefficient_of_row, zi, y, zf, checkpoints)``, arrays of rows; returns what fills the last
            three, as ``Kernel.bind``, for these coefficients.
        backward: ``(gy, gzf, x, coef, coefficient_of_row, checkpoints, gx, gcoef, gzi)`` likewise fills the last
            three; ``gcoef`` is zeros where the coefficients are constant, or empty where no gradient is needed.
        adjoint: as `define`.
    """

    def bind(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> Callable[[], Any]:
        x, coef, zi = inputs
        if zi.shape[-2] == 0:
            return functools.partial(outputs.y.copy_, x)
        read = (as_whole_rows(x, 1, batch_shape), *indexed_rows(coef, 3, batch_shape))
        targets = (as_rows(outputs.y, 1), as_rows(outputs.zf, 2), as_rows(outputs.checkpoints, 3))
        arrays = (*read, as_whole_rows(zi, 2, batch_shape), *targets)
        return forward(*arrays) if is_constant(coef) else lambda: forward(*arrays)()

    def run_backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Any]:
        x, coef, zi = inputs
        if zi.shape[-2] == 0:
            return [grads.y.expand(*batch_shape, -1).clone(), torch.zeros_like(coef), torch.zeros_like(zi)]
        checkpoints = np.empty((math.prod(batch_shape), 0, *zi.shape[-2:]))
        if needs.coef:
            checkpoints = as_whole_rows(saved.checkpoints, 3, batch_shape)
        gx, gzi = x.new_empty(*batch_shape, x.shape[-1]), zi.new_empty(*batch_shape, *zi.shape[-2:])
        # The gradient of time-varying coefficients is large and written once; that of constant ones is a sum.
        constant = coef.shape[-3] == 1
        gcoef = coef.new_zeros(coef.shape) if constant else coef.new_empty(coef.shape if needs.coef else 0)
        to_coef = as_rows(gcoef, 3) if needs.coef else np.empty((0, *coef.shape[-3:]), as_rows(coef, 3).dtype)
        given = (as_whole_rows(grads.y, 1, batch_shape), as_whole_rows(grads.zf, 2, batch_shape))
        read = (as_whole_rows(x, 1, batch_shape), *indexed_rows(coef, 3, batch_shape))
        backward(*given, *read, checkpoints, as_rows(gx, 1), to_coef, as_rows(gzi, 2))
        return [gx, gcoef if needs.coef else None, gzi]

    return define(
        name,
        inputs={"x": 1, "coef": 3, "zi": 2},
        outputs={"y": lambda x, *_: (x.shape[-1:], x.dtype), "zf": lambda x, coef, zi: (zi.shape[-2:], zi.dtype)},
        equation=equation,
        kernel=Kernel.bound(
            bind,
            run_backward,
            {"checkpoints": lambda x, coef, zi: ((-(-x.shape[-1] // BLOCK), *zi.shape[-2:]), zi.dtype)},
        ),
        saves={"x": (), "coef": (), "zi": (), "checkpoints": ("coef",)},
        adjoint=adjoint,
    )


def cascade_arguments(
    caller: str, name: str, x: Any, coef: Any, width: int, zi: Any, time_varying: bool | None
) -> tuple[Tensor, Tensor]:
    """Check the arguments of a cascade; its coefficients (..., T or 1, K, width) and its state (..., K, 2) in float64.

    Raises:
        TypeError: no tensors, or dtypes that do not go together.
        ValueError: shapes that do not fit.
    """
    check_signal(caller, x)
    coef = coefficients(caller, name, coef, x, f"K, {width}", time_varying)
    K = coef.shape[-2]
    start = initial_state(caller, zi, x, (K, 2), f"(..., {K}, 2)")
    broadcast_batch(caller, **{"x": (x, 1), name: (coef, 3), "zi": (start, 2)})
    return coef, start


def control_point_arguments(
    caller: str, name: str, x: Any, points: Any, width: int, at: Any, zi: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Check the arguments of a cascade between control points: x, points (..., F, K, width), at (F,) and the state.

    Raises:
        TypeError: no tensors, or dtypes that do not go together.
        ValueError: shapes that do not fit, or positions that do not span the signal.
    """
    check_signal(caller, x)
    at = check_points(caller, name, points, at, x)
    K = points.shape[-2]
    coefficients(caller, name, points[..., 0, :, :], x, f"K, {width}", False)
    start = initial_state(caller, zi, x, (K, 2), f"(..., {K}, 2)")
    broadcast_batch(caller, **{"x": (x, 1), name: (points, 3), "zi": (start, 2)})
    return x, points, at, start
