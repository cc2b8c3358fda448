"""The all-pole recursion as an operator: schema, fake, gradients, vmap, and the public function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.autograd.forward_ad as fwd
from torch import Tensor

from diffFx_pytorch.kernels import run_rows

from ..checks import (
    broadcast_lead,
    check_coefficients,
    check_signal,
    check_state,
    common_shape,
    decide_moving,
    state_dtype,
)
from ..fallback import allpole as fallback
from .lags import as_array, batch_first, lag_products, lagged_sum, row_numbers, spread_lags, tiny_state
from .transforms import with_transforms


def allpole(
    x: Tensor, a: Tensor, zi: Tensor | None = None, return_zf: bool = False, *, moving: bool | None = None
) -> Tensor | tuple[Tensor, Tensor]:
    r"""All-pole filter, constant or moving.

    .. math:: y[t] = x[t] - a_1[t]\, y[t-1] - \dots - a_N[t]\, y[t-N]

    Differentiable to any order in x, a and zi; forward mode (``torch.func.jvp``, dual numbers), ``vmap``, ``compile``
    and ``export`` work. The sums are float64 whatever x is; states that have decayed below 1e-30 (1e-290 for float64
    audio) are put to zero, so that silence stays fast. Nothing is checked about stability, and NaN and inf run on as
    they do in the equation; see :func:`assert_stable`.

    Args:
        x: (..., T) float32, float64, complex64 or complex128.
        a: (..., N) constant or (..., T, N) moving coefficients, without the leading 1, N >= 1; x's dtype or the wider
            one of its kind (float64 coefficients for float32 audio are the better choice near the unit circle).
            Leading dimensions broadcast with those of x.
        zi: (..., N) past outputs, most recent first: y[-1], y[-2], ...; None is silence.
        return_zf: also return the last N outputs, to go on from.
        moving: None takes a as moving where it has one axis more than x, and as constant where it has as many or
            fewer; True or False overrides that, and is needed where a has more leading axes than x.

    Returns:
        y (..., T) in x's dtype and, if asked for, zf (..., N), most recent first, in float64 (complex128), so that
        a signal run in blocks loses nothing at their edges.

    Raises:
        TypeError: no tensors, integers, or dtypes that do not go together.
        ValueError: shapes that do not go together.

    Example:
        >>> x = torch.tensor([1.0, 0.0, 0.0, 0.0])
        >>> allpole(x, torch.tensor([-0.5]))
        tensor([1.0000, 0.5000, 0.2500, 0.1250])
    """
    check_signal("allpole", "x", x, allow_complex=True)
    check_coefficients("allpole", "a", a, x, "(..., N) or (..., T, N)")
    moving = decide_moving("allpole", "a", a, x, 1, moving)
    order = a.shape[-1]
    if order < 1:
        raise ValueError(f"allpole: a has shape {tuple(a.shape)}; an order of at least 1 is needed (order 0 is y = x).")
    check_state("allpole", zi, x, order, "(..., N)")
    shapes: dict[str, Sequence[int]] = {"x": x.shape[:-1], "a": a.shape[: -2 if moving else -1]}
    if zi is not None:
        shapes["zi"] = zi.shape[:-1]
    broadcast_lead("allpole", shapes)
    y, zf = recur(x, a, zi, moving)
    return (y, zf) if return_zf else y


@torch.library.custom_op("diffFx::allpole", mutates_args=())
def _allpole(x: Tensor, a: Tensor, zi: Tensor | None, moving: bool) -> tuple[Tensor, Tensor]:
    return fallback.allpole(x, a, zi, moving)


@torch.library.custom_op("diffFx::allpole_backward", mutates_args=())
def _allpole_backward(
    grad_y: Tensor, grad_zf: Tensor, y: Tensor | None, a: Tensor, zi: Tensor | None, moving: bool
) -> tuple[Tensor, Tensor, Tensor]:
    return fallback.allpole_backward(grad_y, grad_zf, y, a, zi, moving)


def _lead(moving: bool, signal: Tensor, a: Tensor, *states: Tensor | None) -> torch.Size:
    shapes = [signal.shape[:-1], a.shape[: -2 if moving else -1], *(s.shape[:-1] for s in states if s is not None)]
    return common_shape(*shapes)


@_allpole.register_fake
def _(x: Tensor, a: Tensor, zi: Tensor | None, moving: bool) -> tuple[Tensor, Tensor]:
    lead = _lead(moving, x, a, zi)
    y = x.new_empty((*lead, x.shape[-1]))
    return y, x.new_empty((*lead, a.shape[-1]), dtype=state_dtype(x.dtype))


@_allpole_backward.register_fake
def _(
    grad_y: Tensor, grad_zf: Tensor, y: Tensor | None, a: Tensor, zi: Tensor | None, moving: bool
) -> tuple[Tensor, Tensor, Tensor]:
    lead = _lead(moving, grad_y, a, grad_zf)
    order, wide = a.shape[-1], state_dtype(grad_y.dtype)
    grad_x = grad_y.new_empty((*lead, grad_y.shape[-1]))
    if y is None:
        grad_a = a.new_empty(0, dtype=a.dtype if moving else wide)
    else:
        grad_a = a.new_empty(a.shape) if moving else a.new_empty((*lead, order), dtype=wide)
    return grad_x, grad_a, grad_y.new_empty((*lead, order), dtype=wide)


def _states(zi: Tensor | None, lead: Sequence[int], order: int, like: Tensor) -> np.ndarray:
    wide = state_dtype(like.dtype)
    if zi is None:
        zi = torch.zeros((), dtype=wide)
    return as_array(zi.to(wide).expand((*lead, order))).reshape(-1, order)


@_allpole.register_kernel("cpu")
def _forward_cpu(x: Tensor, a: Tensor, zi: Tensor | None, moving: bool) -> tuple[Tensor, Tensor]:
    from ..cpu import allpole as constant
    from ..cpu import allpole_moving as moved
    from ..cpu.simd import LANES

    if x.dtype == torch.complex64:  # rare, and not worth kernels of its own to compile
        y, zf = _forward_cpu(x.to(torch.complex128), a.to(torch.complex128), zi, moving)
        return y.to(x.dtype), zf
    lead = _lead(moving, x, a, zi)
    order, samples = a.shape[-1], x.shape[-1]
    y = torch.empty((*lead, samples), dtype=x.dtype)
    zf = torch.empty((*lead, order), dtype=state_dtype(x.dtype))
    rows = lead.numel()
    past, tiny = _states(zi, lead, order, x), tiny_state(x.dtype)
    x_row, a_row = row_numbers(x.shape[:-1], lead), row_numbers(a.shape[: -2 if moving else -1], lead)
    out, end = as_array(y).reshape(rows, samples), as_array(zf).reshape(rows, order)
    if not moving:
        coefs = as_array(a.to(zf.dtype)).reshape(-1, order)
        signal = as_array(x).reshape(x.shape[:-1].numel(), samples)
        run_rows(constant.constant_forward, rows, 1, signal, coefs, past, x_row, a_row, out, end, tiny)
        return y, zf
    places = np.arange(rows)
    args = (as_array(x).reshape(-1), as_array(a).reshape(-1), past, places, x_row, a_row, samples, out.reshape(-1), end)
    # Half-filled lanes still win over single rows; complex numbers have no lanes.
    vector = 0 if x.dtype.is_complex else _rows_in_lanes(rows, LANES)
    run_rows(moved.moving_forward_lanes, vector, LANES, *args, tiny)
    if vector < rows:
        args = (*args[:3], places[vector:], *args[4:])
        run_rows(moved.moving_forward_row, rows - vector, 1, *args, tiny)
    return y, zf


def _rows_in_lanes(rows: int, lanes: int) -> int:
    rest = rows % lanes
    return rows if 2 * rest >= lanes else rows - rest


@_allpole_backward.register_kernel("cpu")
def _backward_cpu(
    grad_y: Tensor, grad_zf: Tensor, y: Tensor | None, a: Tensor, zi: Tensor | None, moving: bool
) -> tuple[Tensor, Tensor, Tensor]:
    from ..cpu import allpole as constant
    from ..cpu import allpole_moving as moved
    from ..cpu.simd import LANES

    if grad_y.dtype == torch.complex64:
        y = None if y is None else y.to(torch.complex128)
        full = a.to(torch.complex128)
        grad_x, grad_a, grad_zi = _backward_cpu(grad_y.to(torch.complex128), grad_zf, y, full, zi, moving)
        return grad_x.to(grad_y.dtype), grad_a.to(a.dtype) if moving else grad_a, grad_zi
    lead = _lead(moving, grad_y, a, grad_zf)
    order, samples, rows = a.shape[-1], grad_y.shape[-1], lead.numel()
    wide, tiny = state_dtype(grad_y.dtype), tiny_state(grad_y.dtype)
    grad_x = torch.empty((*lead, samples), dtype=grad_y.dtype)
    grad_zi = torch.empty((*lead, order), dtype=wide)
    given = as_array(grad_y.expand(grad_x.shape))
    given_end = _states(grad_zf, lead, order, grad_y)
    out = given if y is None else as_array(y.expand(grad_x.shape))
    past = _states(zi, lead, order, grad_y)
    a_row = row_numbers(a.shape[: -2 if moving else -1], lead)
    to_x, to_zi = as_array(grad_x), as_array(grad_zi).reshape(rows, order)
    if not moving:
        grad_a = torch.empty((*lead, order) if y is not None else 0, dtype=wide)
        shape = (rows, samples)
        args = (
            given.reshape(shape),
            given_end,
            out.reshape(shape),
            as_array(a.to(wide)).reshape(-1, order),
            past,
            a_row,
        )
        to_a = as_array(grad_a).reshape(-1, order)
        run_rows(constant.constant_backward, rows, 1, *args, to_x.reshape(shape), to_a, to_zi, y is not None, tiny)
        return grad_x, grad_a, grad_zi
    sets = a.shape[:-2].numel()
    shared = rows // sets if sets else 0
    vector = 0 if grad_y.dtype.is_complex else _rows_in_lanes(rows, LANES)
    if shared > 1:
        vector = rows if vector else 0
    # Written once where each row has its own coefficients and lanes; added to otherwise.
    fill = torch.empty if shared <= 1 and vector == rows else torch.zeros
    grad_a = fill(a.shape if y is not None else 0, dtype=a.dtype)
    places = np.argsort(a_row, kind="stable")
    into = (to_x.reshape(-1), as_array(grad_a).reshape(-1), to_zi, y is not None, shared, tiny)
    args = (given.reshape(-1), given_end, out.reshape(-1), as_array(a).reshape(-1), past)
    if rows:
        lanes_sets = vector // shared
        grain = max(1, LANES // shared)
        run_rows(moved.moving_backward_lanes, lanes_sets, grain, *args, places, a_row, samples, *into)
        run_rows(moved.moving_backward_row, sets - lanes_sets, 1, *args, places[vector:], a_row, samples, *into)
    return grad_x, grad_a, grad_zi


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, a, zi, ctx.moving = inputs
    ctx.shapes = x.shape, a.shape, None if zi is None else zi.shape
    ctx.zi_dtype = None if zi is None else zi.dtype
    needs_a = ctx.needs_input_grad[1]  # else the output need not be kept
    ctx.save_for_backward(output[0] if needs_a else None, a, zi if needs_a else None)
    if fwd._current_level >= 0:
        ctx.save_for_forward(output[0], a, zi)


def _backward(ctx: Any, grad_y: Tensor, grad_zf: Tensor) -> tuple[Tensor | None, ...]:
    y, a, zi = ctx.saved_tensors
    x_shape, a_shape, zi_shape = ctx.shapes
    grad_x, grad_a, grad_zi = recur_backward(grad_y, grad_zf, y, a, zi, ctx.moving)
    return (
        grad_x.sum_to_size(x_shape) if ctx.needs_input_grad[0] else None,
        grad_a.sum_to_size(a_shape).to(a.dtype) if ctx.needs_input_grad[1] else None,
        grad_zi.sum_to_size(zi_shape).to(ctx.zi_dtype) if ctx.needs_input_grad[2] else None,
        None,
    )


def _tangent(ctx: Any, dx: Tensor | None, da: Tensor | None, dzi: Tensor | None, _: None) -> tuple[Tensor, Tensor]:
    """The same recursion over the tangents, driven by ``dx[t] - sum_i da_i y[t - i]``."""
    y, a, zi = ctx.saved_tensors
    drive = torch.zeros_like(y) if dx is None else dx.expand(y.shape)
    if da is not None:
        drive = drive - lagged_sum(da, y, zi, ctx.moving)
    return recur(drive.to(y.dtype), a, dzi, ctx.moving)


def _setup_second(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    grad_y, grad_zf, y, a, zi, ctx.moving = inputs
    ctx.shapes = [None if v is None else v.shape for v in (grad_y, grad_zf, y, a, zi)]
    ctx.dtypes = [None if v is None else v.dtype for v in (grad_y, grad_zf, y, a, zi)]
    ctx.save_for_backward(output[0], y, a, zi)
    if fwd._current_level >= 0:
        ctx.save_for_forward(output[0], y, a, zi)


def _backward_second(ctx: Any, to_x: Tensor, to_a: Tensor, to_zi: Tensor) -> tuple[Tensor | None, ...]:
    """The adjoint of the adjoint, of plain operations and the recursion itself, so of any order.

    With g = A^-H e and v = A^-1 w, w the gradient of g, the gradient of e is v and that of a is -g[t] conj(v[t - i]).
    """
    g, y, a, zi = ctx.saved_tensors
    moving, order = ctx.moving, a.shape[-1]
    w = to_x if y is None else to_x - lagged_sum(to_a, y, zi, moving)
    v, v_end = recur(w.to(g.dtype), a, to_zi, moving)
    grad_y = grad_zi = None
    if y is not None:
        grad_past = spread_lags(-g, to_a, moving)
        grad_y, grad_zi = grad_past[..., order:], grad_past[..., :order].flip(-1)
    products = -lag_products(g, v, to_zi, order, moving)
    grads = (v, v_end, grad_y, products, grad_zi)
    return *(
        value.sum_to_size(shape).to(dtype) if wanted and value is not None else None
        for value, shape, dtype, wanted in zip(grads, ctx.shapes, ctx.dtypes, ctx.needs_input_grad, strict=False)
    ), None


def _tangent_second(
    ctx: Any,
    d_grad_y: Tensor | None,
    d_end: Tensor | None,
    dy: Tensor | None,
    da: Tensor | None,
    dzi: Tensor | None,
    _: None,
) -> tuple[Tensor, Tensor, Tensor]:
    g, y, a, zi = ctx.saved_tensors
    moving, order = ctx.moving, a.shape[-1]
    drive = torch.zeros_like(g) if d_grad_y is None else d_grad_y.expand(g.shape)
    end = g.new_zeros((*g.shape[:-1], order), dtype=state_dtype(g.dtype)) if d_end is None else d_end
    pushed = None if da is None else spread_lags(g, da, moving)
    if pushed is not None:
        drive = drive - pushed[..., order:]
    dg, d_grad_a, d_grad_zi = recur_backward(drive.to(g.dtype), end, y, a, zi, moving)
    if pushed is not None:
        d_grad_zi = d_grad_zi - pushed[..., :order].flip(-1)
    if y is not None and not (dy is None and dzi is None):
        products = lag_products(g, torch.zeros_like(y) if dy is None else dy, dzi, order, moving)
        d_grad_a = (d_grad_a - products.sum_to_size(d_grad_a.shape)).to(d_grad_a.dtype)
    return dg, d_grad_a, d_grad_zi


def _batched(info: Any, dims: Any, x: Tensor, a: Tensor, zi: Tensor | None, moving: bool) -> Any:
    cores = (1, 2 if moving else 1, 1)
    x, a, zi = batch_first(info.batch_size, dims[:3], (x, a, zi), cores)
    return recur(x, a, zi, moving), (0, 0)


def _batched_backward(
    info: Any, dims: Any, grad_y: Tensor, grad_zf: Tensor, y: Tensor | None, a: Tensor, zi: Tensor | None, moving: bool
) -> Any:
    cores = (1, 1, 1, 2 if moving else 1, 1)
    values = batch_first(info.batch_size, dims[:5], (grad_y, grad_zf, y, a, zi), cores, expand=True)
    return recur_backward(*values, moving), (0, 0 if y is not None else None, 0)


recur = with_transforms(_allpole, _setup, _backward, _tangent, _batched)
recur_backward = with_transforms(_allpole_backward, _setup_second, _backward_second, _tangent_second, _batched_backward)
