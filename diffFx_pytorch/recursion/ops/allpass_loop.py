"""All-passes in series inside a feedback loop, beside what goes into them: what a phaser is made of."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels import bound_rows, run_rows
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.precision import where_float64_is
from diffFx_pytorch.kernels.rows import broadcast_shape
from diffFx_pytorch.kernels.transforms import plain
from diffFx_pytorch.recursion.checks import broadcast_batch, check_signal, coefficients, initial_state
from diffFx_pytorch.recursion.cpu import allpass_loop as kernels
from diffFx_pytorch.recursion.cpu.biquad_tile import BLOCK
from diffFx_pytorch.recursion.cuda.chunks import loop_outputs
from diffFx_pytorch.recursion.fallback.allpass_loop import (
    constant_loop,
    constant_loop_adjoint,
    differentiable_loop,
)
from diffFx_pytorch.recursion.fallback.moving_loop import MovingLoop
from diffFx_pytorch.recursion.ops.cascade import DENORMAL_THRESHOLD, define_cascade, grouped, over_rows
from diffFx_pytorch.recursion.ops.sections import Array, rows_by_coefficient


def _forward(
    x: Array, coef: Array, rows: Array, zi: Array, y: Array, zf: Array, checkpoints: Array
) -> Callable[[], None]:
    inputs = (x, coef, rows, zi, DENORMAL_THRESHOLD, BLOCK)
    return bound_rows(kernels.forward, x.shape[0], 2, *inputs, y, zf, checkpoints)


def _backward(
    gy: Array, gzf: Array, x: Array, coef: Array, rows: Array, checkpoints: Array, gx: Array, gcoef: Array, gzi: Array
) -> None:
    gcoef[...] = 0.0  # the kernel adds, since several rows may share a coefficient
    order, bounds = rows_by_coefficient(rows, coef.shape[0])
    inputs = (gy, gzf, x, coef, order, bounds, DENORMAL_THRESHOLD, BLOCK, checkpoints)
    run_rows(kernels.backward, coef.shape[0], 1, *inputs, gx, gcoef, gzi)


def _equation(x: Tensor, coef: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """Output and last states in eager operations."""
    batch = broadcast_shape(x.shape[:-1], coef.shape[:-3], zi.shape[:-2])
    moves = coef.shape[-3] != 1
    if 0 in (*batch, x.shape[-1]) or (moves and not plain(x, coef, zi)):
        return over_rows(differentiable_loop, x, coef, zi)
    groups, (signal, own, start) = grouped(batch, x, coef, zi)
    if moves:
        y, zf = MovingLoop(signal, own.squeeze(2), start).run()
    else:
        y, zf = constant_loop(signal, own.squeeze(1).to(start.dtype), start)
    return groups.apart(y), groups.apart(zf)


def _adjoint(batch: Any, grads: Any, inputs: Any, saved: Any, needs: Any) -> Sequence[Tensor | None]:
    """The gradients of x, coef (where it needs one) and zi."""
    x, coef, zi = inputs
    gy, gzf = grads.y.expand(*batch, -1), grads.zf.expand(*batch, -1, -1)
    if 0 in (*batch, x.shape[-1]):
        return gy, torch.zeros_like(coef), gzf
    moves = coef.shape[-3] != 1
    if moves and not plain(*grads, *inputs):
        return _allpass_loop.adjoint_of_equation(batch, grads, inputs, saved, needs)
    groups, (signal, own, start) = grouped(batch, x, coef, zi)
    gy, gzf = groups.rows(gy, 1), groups.rows(gzf.to(start.dtype), 2)
    if moves:
        gx, gcoef, gzi = MovingLoop(signal, own.squeeze(2), start).gradient(gy, gzf, needs.coef)
    else:
        own = own.squeeze(1).to(start.dtype)
        gx, gcoef, gzi = constant_loop_adjoint(gy, gzf, signal, own, start, needs.coef)
    return (
        None if gx is None else groups.apart(gx),
        None if gcoef is None else groups.of_sets(gcoef.unsqueeze(2 if moves else 1)),
        groups.apart(gzi),
    )


_allpass_loop = define_cascade("allpass_loop", _equation, _forward, _backward, _adjoint)
_allpass_loop.register(
    device="cuda",
    kernel=triton_kernel("diffFx_pytorch.recursion.cuda.allpass_loop", {"checkpoints": loop_outputs}),
)


@where_float64_is
def allpass_loop(
    x: Tensor,
    coef: Tensor | float,
    feedback: Tensor | float,
    stages: int,
    *,
    outer: Tensor | float | None = None,
    zi: Tensor | None = None,
    return_zf: bool = False,
    time_varying: bool | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""All-passes in series, their output fed back to their input one sample later; input plus output.

    .. math:: y &= u + v, \qquad u_n = x_n + g_n v_{n-1}, \qquad v = A_b^N u, \\
        A_b(z) &= \frac{z^{-1} - b}{1 - b z^{-1}}

    A stage turns the phase by 90 degrees at :math:`f` for :math:`b = (1 - t) / (1 + t)`,
    :math:`t = \tan(\pi f / f_s)`. It is computed as a normalised ladder, a rotation of signal and state by
    :math:`(b, \sqrt{1 - b^2})`, which neither gains nor loses energy however b moves; so the loop is stable for every
    :math:`|g| < 1`. States and arithmetic are float64.

    With ``outer`` the stages are of second order, two such rotations each, and turn by 180 degrees at f:

    .. math:: A(z) = \frac{-b_2 - b_1 (1 - b_2) z^{-1} + z^{-2}}{1 - b_1 (1 - b_2) z^{-1} - b_2 z^{-2}}

    is the all-pass of quality Q by the bilinear transform for :math:`b_1 = \cos w`,
    :math:`b_2 = (\alpha - 1) / (\alpha + 1)`, :math:`w = 2 \pi f / f_s`, :math:`\alpha = \sin(w) / 2Q`; give them in
    float64.

    Args:
        x: signal (..., T), float32 or float64.
        coef: ``b`` in (-1, 1), the same for all stages: a number or a tensor, (...) constant or (..., T) time-varying;
            in the dtype of ``x`` or float64. Batch dimensions broadcast with those of ``x``.
        feedback: ``g``, likewise.
        stages: N, even, 2 or more.
        outer: ``b_2`` in (-1, 1) of second-order stages, likewise, ``coef`` being ``b_1``; None has first-order ones.
        zi: state from a call before, (..., N / 2 + 1, 2), or (..., N + 1, 2) with ``outer``; None is silence.
        return_zf: also return the state after the last sample.
        time_varying: None takes a coefficient with as many axes as ``x`` as time-varying, with fewer as constant; True
            or False says it for both.

    Returns:
        ``y = u + v`` of the broadcast shape (..., T) in the dtype of ``x``; with ``return_zf`` also ``zf`` in float64.

    Raises:
        TypeError: no float tensors, or parameters narrower than ``x``.
        ValueError: a number of stages that is not even and positive, shapes that do not broadcast, or a number ``coef``
            or ``outer`` outside (-1, 1).

    References:
        A. H. Gray, J. D. Markel, "A normalized digital filter structure", IEEE Trans. ASSP 23(3), 1975.
        J. O. Smith, "An allpass approach to digital phasing and flanging", ICMC 1984.
    """
    caller = "allpass_loop"
    check_signal(caller, x)
    if isinstance(stages, bool) or not isinstance(stages, int) or stages < 2 or stages % 2:
        raise ValueError(f"{caller}: stages must be an even number from 2 up, got {stages!r}.")
    if isinstance(coef, (int, float)) and not -1 < coef < 1:
        raise ValueError(
            f"{caller}: coef must lie in (-1, 1), got {coef}; it is (1 - t) / (1 + t), t = tan(pi f / fs)."
        )
    if isinstance(outer, (int, float)) and not -1 < outer < 1:
        raise ValueError(
            f"{caller}: outer must lie in (-1, 1), got {outer}; it is (a - 1) / (a + 1), a = sin(w) / 2 Q."
        )
    b = coefficients(caller, "coef", coef, x, "", time_varying)
    g = coefficients(caller, "feedback", feedback, x, "", time_varying)
    parameters = {"coef": b, "feedback": g}
    if outer is not None:
        parameters["outer"] = coefficients(caller, "outer", outer, x, "", time_varying)
    count = 1 + (stages // 2 if outer is None else stages)
    start = initial_state(caller, zi, x, (count, 2), f"(..., {count}, 2) for {stages} stages")
    broadcast_batch(caller, x=(x, 1), zi=(start, 2), **{name: (value, 1) for name, value in parameters.items()})
    dtype = functools.reduce(torch.promote_types, (value.dtype for value in parameters.values()))
    together = torch.broadcast_tensors(*(value.to(dtype) for value in parameters.values()))
    y, zf = _allpass_loop(x, torch.stack(together, -1).unsqueeze(-2), start)
    return (y, zf) if return_zf else y
