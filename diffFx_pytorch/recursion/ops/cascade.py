"""Cascades of second-order sections as operators: what `sosfilt`, `svfilt` and `allpass_loop` have in common."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels import Kernel, Operator, define
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.rows import as_rows, as_whole_rows, broadcast_shape, indexed_rows
from diffFx_pytorch.recursion.checks import broadcast_batch, check_signal, coefficients, initial_state
from diffFx_pytorch.recursion.control_points import check_points
from diffFx_pytorch.recursion.cpu.biquad_tile import BLOCK
from diffFx_pytorch.recursion.cuda.chunks import section_states

DENORMAL_THRESHOLD = 1e-250
"""States below this become 0 between tiles: over the denormals, and under whatever scale a first section works at."""


SECTIONS_ON_CUDA = triton_kernel("diffFx_pytorch.recursion.cuda.sections", {"checkpoints": section_states})
"""Of moving sections, state variable filters or biquads."""


def over_rows(
    equation: Callable[..., tuple[Tensor, Tensor]], x: Tensor, coef: Tensor, zi: Tensor
) -> tuple[Tensor, Tensor]:
    """An equation of rows in float64, for x (..., T), coef (..., T or 1, K, n) and zi (..., K, 2) that broadcast."""
    batch = broadcast_shape(x.shape[:-1], coef.shape[:-3], zi.shape[:-2])
    rows = [
        t.double().expand(*batch, *t.shape[t.dim() - core :]).reshape(math.prod(batch), *t.shape[t.dim() - core :])
        for t, core in ((x, 1), (coef, 3), (zi, 2))
    ]
    y, zf = equation(*rows)
    return y.reshape(*batch, x.shape[-1]), zf.reshape(*batch, *zi.shape[-2:])


def define_cascade(
    name: str,
    equation: Callable[..., tuple[Tensor, Tensor]],
    forward: Callable[..., None],
    backward: Callable[..., None],
) -> Operator:
    """Declare the operator ``diffFx::<name>``: ``(x (..., T), coef (..., T or 1, K, n), zi (..., K, 2)) -> (y, zf)``.

    Args:
        name: of the operator.
        equation: ``(x, coef, zi) -> (y, zf)`` over rows in float64, differentiable.
        forward: ``(x, coef, coefficient_of_row, zi, y, zf, checkpoints)``, arrays of rows, fills the last three.
        backward: ``(gy, gzf, x, coef, coefficient_of_row, checkpoints, gx, gcoef, gzi)`` likewise fills the last
            three; ``gcoef`` is zeros where the coefficients are constant, or empty where no gradient is needed.
    """

    def run_forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
        x, coef, zi = inputs
        if zi.shape[-2] == 0:
            outputs.y.copy_(x)
            return
        read = (as_whole_rows(x, 1, batch_shape), *indexed_rows(coef, 3, batch_shape))
        targets = (as_rows(outputs.y, 1), as_rows(outputs.zf, 2), as_rows(outputs.checkpoints, 3))
        forward(*read, as_whole_rows(zi, 2, batch_shape), *targets)

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
        equation=functools.partial(over_rows, equation),
        kernel=Kernel(
            run_forward,
            run_backward,
            {"checkpoints": lambda x, coef, zi: ((-(-x.shape[-1] // BLOCK), *zi.shape[-2:]), zi.dtype)},
        ),
        saves={"x": (), "coef": (), "zi": (), "checkpoints": ("coef",)},
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
