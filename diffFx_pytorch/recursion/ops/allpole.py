"""The all-pole recursion as an operator: its kernels and derivatives, and the public function."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels import Kernel, define, run_rows
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.precision import where_float64_is
from diffFx_pytorch.kernels.rows import as_rows, as_whole_rows, coefficient_of_row, denormal_threshold, indexed_rows

from ..checks import broadcast_batch, check_signal, coefficients, initial_state, state_dtype
from ..fallback import allpole as fallback
from .lags import lag_products, lagged_sum, lagged_sum_adjoint


@where_float64_is
def allpole(
    x: Tensor, a: Tensor, zi: Tensor | None = None, return_zf: bool = False, *, time_varying: bool | None = None
) -> Tensor | tuple[Tensor, Tensor]:
    r"""All-pole filter, constant or time-varying.

    .. math:: y[t] = x[t] - a_1[t]\, y[t-1] - \dots - a_N[t]\, y[t-N]

    Differentiable to any order in x, a and zi; forward mode (``torch.func.jvp``, dual numbers), ``vmap``, ``compile``
    and ``export`` work. The sums are float64 whatever x is; states that have decayed below 1e-30 (1e-290 for float64
    audio) are set to zero, so that silence stays fast. Nothing is checked about stability, and NaN and inf propagate
    as in the equation; see :func:`assert_stable`.

    Args:
        x: (..., T) float32, float64, complex64 or complex128.
        a: (..., N) constant or (..., T, N) time-varying coefficients, without the leading 1, N >= 1; x's dtype or the
            wider one of its kind (float64 coefficients for float32 audio are the better choice near the unit circle).
            Batch dimensions broadcast with those of x.
        zi: (..., N) past outputs, most recent first: y[-1], y[-2], ...; None is silence.
        return_zf: also return the last N outputs, to go on from.
        time_varying: None takes a as time-varying where it has one axis more than x, and as constant where it has as
            many or fewer; True or False overrides that, and is needed where a has more batch dimensions than x.

    Returns:
        y (..., T) in x's dtype and, if asked for, zf (..., N), most recent first, in float64 (complex128), so that
        a signal run in blocks loses nothing at their edges.

    Raises:
        TypeError: no tensors, integers, or dtypes that do not go together.
        ValueError: shapes that do not go together.

    Examples:
        >>> x = torch.tensor([1.0, 0.0, 0.0, 0.0])
        >>> allpole(x, torch.tensor([-0.5]))
        tensor([1.0000, 0.5000, 0.2500, 0.1250])
    """
    check_signal("allpole", x, allow_complex=True)
    coefs = coefficients("allpole", "a", a, x, "N", time_varying)
    order = coefs.shape[-1]
    if order < 1:
        raise ValueError(f"allpole: a has shape {tuple(a.shape)}; an order of at least 1 is needed (order 0 is y = x).")
    start = initial_state("allpole", zi, x, (order,), "(..., N)")
    broadcast_batch("allpole", x=(x, 1), a=(coefs, 2), zi=(start, 1))
    y, zf = all_pole(x, coefs, start)
    return (y, zf) if return_zf else y


def _wide(t: Tensor) -> Tensor:
    """complex64 is rare, and not worth kernels of its own to compile."""
    return t.to(torch.complex128) if t.dtype == torch.complex64 else t


def _rows_in_lanes(x: Tensor, rows: int, lanes: int) -> int:
    """Half-filled lanes still win over single rows; complex numbers have no lanes."""
    rest = rows % lanes
    return 0 if x.dtype.is_complex else rows if 2 * rest >= lanes else rows - rest


def _forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    from ..cpu import allpole as constant
    from ..cpu import allpole_time_varying as time_varying
    from ..cpu.allpole_time_varying import LANES

    x, a, zi = map(_wide, inputs)
    y = _wide(outputs.y)
    past = as_whole_rows(zi, 1, batch_shape)
    rows, threshold, end = len(past), denormal_threshold(x.dtype), as_rows(outputs.zf)
    signal, x_row = indexed_rows(x, 1, batch_shape)
    a_row, out = coefficient_of_row(a, 2, batch_shape), as_rows(y)
    if a.shape[-2] == 1:
        coefs = as_rows(a.to(zi.dtype).squeeze(-2))
        run_rows(constant.constant_forward, rows, 1, signal, coefs, past, x_row, a_row, out, end, threshold)
    else:
        places = np.arange(rows)
        ends = (x_row, a_row, x.shape[-1], out.reshape(-1), end, threshold)
        args = (signal.reshape(-1), as_rows(a, 2).reshape(-1), past)
        vector = _rows_in_lanes(x, rows, LANES)
        run_rows(time_varying.time_varying_forward_lanes, vector, LANES, *args, places, *ends)
        if vector < rows:
            run_rows(time_varying.time_varying_forward_row, rows - vector, 1, *args, places[vector:], *ends)
    if y is not outputs.y:
        outputs.y.copy_(y)


def _backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    from ..cpu import allpole as constant
    from ..cpu import allpole_time_varying as time_varying
    from ..cpu.allpole_time_varying import LANES

    grad_y, grad_zf = map(_wide, grads)
    y, a = grad_y if saved.y is None else _wide(saved.y), _wide(inputs.a)
    order, samples = a.shape[-1], grad_y.shape[-1]
    wide, threshold = state_dtype(grad_y.dtype), denormal_threshold(grad_y.dtype)
    given = as_whole_rows(grad_y, 1, batch_shape)
    end = as_whole_rows(grad_zf.to(wide), 1, batch_shape)
    out = as_whole_rows(y, 1, batch_shape)
    past = as_whole_rows(inputs.zi.to(wide), 1, batch_shape)
    a_row, rows = coefficient_of_row(a, 2, batch_shape), len(given)
    grad_x = torch.empty((*batch_shape, samples), dtype=grad_y.dtype)
    grad_zi = torch.empty((*batch_shape, order), dtype=wide)
    to_x, to_zi = as_rows(grad_x), as_rows(grad_zi)
    if a.shape[-2] == 1:
        grad_a = torch.empty((*batch_shape, 1, order) if needs.a else (0, order), dtype=wide)
        coefs, to_a = as_rows(a.to(wide).squeeze(-2)), as_rows(grad_a, 1)
        args = (given, end, out, coefs, past, a_row)
        run_rows(constant.constant_backward, rows, 1, *args, to_x, to_a, to_zi, needs.a, threshold)
        return [grad_x, grad_a if needs.a else None, grad_zi]
    sets = a.shape[:-2].numel()
    shared = rows // sets
    vector = _rows_in_lanes(grad_y, rows, LANES)
    if shared > 1:
        vector = rows if vector else 0
    # Written once where each row has its own coefficients and lanes; added to otherwise.
    fill = torch.empty if shared <= 1 and vector == rows else torch.zeros
    grad_a = fill(a.shape if needs.a else 0, dtype=a.dtype)
    places = np.argsort(a_row, kind="stable")
    into = (to_x.reshape(-1), as_rows(grad_a, grad_a.dim()).reshape(-1), to_zi, needs.a, shared, threshold)
    args = (given.reshape(-1), end, out.reshape(-1), as_rows(a, 2).reshape(-1), past)
    lanes_sets, grain = vector // shared, max(1, LANES // shared)
    run_rows(time_varying.time_varying_backward_lanes, lanes_sets, grain, *args, places, a_row, samples, *into)
    run_rows(
        time_varying.time_varying_backward_row, sets - lanes_sets, 1, *args, places[vector:], a_row, samples, *into
    )
    return [grad_x, grad_a if needs.a else None, grad_zi]


def _adjoint(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> tuple[Any, ...]:
    end = grads.zf.expand(*batch_shape, inputs.a.shape[-1])
    return fallback.allpole_backward(grads.y, end, saved.y if needs.a else None, inputs.a, inputs.zi)


def _tangent(inputs: Any, outputs: Any, along: Any) -> tuple[Tensor, Tensor]:
    """The same recursion over the tangents, driven by ``dx[t] - sum_i da_i y[t - i]``."""
    y = outputs[0]
    drive = torch.zeros_like(y) if along.x is None else along.x.expand(y.shape)
    if along.a is not None:
        drive = drive - lagged_sum(along.a, y, inputs.zi)
    return all_pole(drive.to(y.dtype), inputs.a, torch.zeros_like(inputs.zi) if along.zi is None else along.zi)


def _reversed(grads: Any, inputs: Any, gradients: Any) -> Tensor:
    """The gradient of x in the full batch shape: computed again where it was summed or not needed."""
    if gradients.x.shape == grads.y.shape:
        return gradients.x
    x = inputs.x.new_empty(()).expand(grads.y.shape)
    return all_pole.gradient(*grads, x, inputs.a, torch.zeros_like(inputs.zi), None, needs=[True, False, False])[0]


def _second(grads: Any, inputs: Any, saved: Any, gradients: Any, along: Any) -> tuple[Tensor | None, ...]:
    """The adjoint of the adjoint, of eager operations and the recursion itself, so of any order.

    With g = A^-H e and v = A^-1 w, w the gradient of g, the gradient of e is v and that of a is -g[t] conj(v[t - i]).
    """
    a, g = inputs.a, _reversed(grads, inputs, gradients)
    w = torch.zeros_like(g) if along.x is None else along.x.expand(g.shape)
    to_zi = torch.zeros_like(grads.zf) if along.zi is None else along.zi
    if along.a is not None:
        w = w - lagged_sum(along.a, saved.y, inputs.zi)
    v, v_end = all_pole(w.to(g.dtype), a, to_zi)
    grad_y = grad_zi = None
    if along.a is not None:
        grad_past = lagged_sum_adjoint(-g, along.a)
        grad_y, grad_zi = grad_past[..., a.shape[-1] :], grad_past[..., : a.shape[-1]].flip(-1)
    return v, v_end, None, -lag_products(g, v, to_zi, a.shape[-2] != 1), grad_zi, grad_y


def _second_tangent(
    grads: Any, inputs: Any, saved: Any, gradients: Any, d_grads: Any, along: Any, d_saved: Any, needs: Any
) -> tuple[Tensor | None, ...]:
    (_, a, zi), order, g = inputs, inputs.a.shape[-1], _reversed(grads, inputs, gradients)
    drive = torch.zeros_like(g) if d_grads.y is None else d_grads.y
    end = torch.zeros_like(grads.zf) if d_grads.zf is None else d_grads.zf
    pushed = None if along.a is None else lagged_sum_adjoint(g, along.a)
    if pushed is not None:
        drive = drive - pushed[..., order:]
    x = inputs.x.new_empty(()).expand(g.shape)
    dg, d_grad_a, d_grad_zi = all_pole.gradient(drive.to(g.dtype), end, x, a, zi, saved.y, needs=[True, needs.a, True])
    if pushed is not None:
        d_grad_zi = d_grad_zi - pushed[..., :order].flip(-1)
    if needs.a and not (d_saved.y is None and along.zi is None):
        dy = torch.zeros_like(g) if d_saved.y is None else d_saved.y
        dzi = torch.zeros_like(zi) if along.zi is None else along.zi
        d_grad_a = d_grad_a - lag_products(g, dy, dzi, a.shape[-2] != 1).sum_to_size(a.shape).to(a.dtype)
    return dg, d_grad_a, d_grad_zi


all_pole = define(
    "allpole",
    inputs={"x": 1, "a": 2, "zi": 1},
    outputs={"y": lambda x, *_: (x.shape[-1:], x.dtype), "zf": lambda x, a, _: (a.shape[-1:], state_dtype(x.dtype))},
    equation=fallback.allpole,
    kernel=Kernel(_forward, _backward),
    saves={"a": (), "zi": ("a",), "y": ("a",)},
    adjoint=_adjoint,
    tangent=_tangent,
    second=_second,
    second_tangent=_second_tangent,
)
"""``(x (..., T), a (..., T or 1, N), zi (..., N)) -> (y, zf)``, without checks."""
all_pole.register(device="cuda", kernel=triton_kernel("diffFx_pytorch.recursion.cuda.allpole"))
