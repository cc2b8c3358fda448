"""All-passes in series inside a feedback loop, beside what goes into them: what a phaser is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels import run_rows
from diffFx_pytorch.recursion.checks import check_state
from diffFx_pytorch.recursion.cpu import allpass_loop as kernels
from diffFx_pytorch.recursion.cpu.biquad_tile import BLOCK
from diffFx_pytorch.recursion.fallback.allpass_loop import allpass_loop_rows
from diffFx_pytorch.recursion.ops.cascade import TINY, define_cascade
from diffFx_pytorch.recursion.ops.rows import broadcast_lead, check_signal, parameter_rows
from diffFx_pytorch.recursion.ops.sections import rows_by_coefficient


def _forward(x: Tensor, coef: Tensor, rows: np.ndarray, zi: Tensor, y: Tensor, zf: Tensor, kept: Tensor) -> None:
    inputs = (x.numpy(), coef.numpy(), rows, zi.numpy(), TINY, BLOCK)
    run_rows(kernels.forward, x.shape[0], 2, *inputs, y.numpy(), zf.numpy(), kept.numpy())


def _backward(
    gy: Tensor,
    gzf: Tensor,
    x: Tensor,
    coef: Tensor,
    rows: np.ndarray,
    kept: Tensor,
    gx: Tensor,
    gcoef: Tensor,
    gzi: Tensor,
) -> None:
    gcoef.zero_()  # the kernel adds, since several rows may share a coefficient
    order, bounds = rows_by_coefficient(rows, coef.shape[0])
    inputs = (gy.numpy(), gzf.numpy(), x.numpy(), coef.numpy(), order, bounds, TINY, BLOCK, kept.numpy())
    run_rows(kernels.backward, coef.shape[0], 1, *inputs, gx.numpy(), gcoef.numpy(), gzi.numpy())


_call: Any = define_cascade("allpass_loop", allpass_loop_rows, _forward, _backward)


def allpass_loop(
    x: Tensor,
    coef: Tensor | float,
    feedback: Tensor | float,
    stages: int,
    *,
    zi: Tensor | None = None,
    return_zf: bool = False,
) -> Any:
    r"""First-order all-passes in series, their output fed back to their input one sample later; input plus output.

    .. math:: y &= u + v, \qquad u_n = x_n + g_n v_{n-1}, \qquad v = A_b^N u, \\
        A_b(z) &= \frac{z^{-1} - b}{1 - b z^{-1}}

    A stage turns the phase by 90 degrees at :math:`f` for :math:`b = (1 - t) / (1 + t)`,
    :math:`t = \tan(\pi f / f_s)`. It is computed as a normalised ladder, a rotation of signal and state by
    :math:`(b, \sqrt{1 - b^2})`, which neither gains nor loses energy however b moves; so the loop is stable for every
    :math:`|g| < 1`. States and arithmetic are float64.

    Args:
        x: signal (..., T), float32 or float64.
        coef: ``b`` in (-1, 1), the same for all stages: a number, a tensor with fewer dimensions than ``x`` (constant
            in time), or with as many, (..., T) moving or (..., 1); in the dtype of ``x`` or float64.
        feedback: ``g``, likewise.
        stages: N, even, 2 or more.
        zi: state from a call before, (..., N / 2 + 1, 2); None is silence.
        return_zf: also return the state after the last sample.

    Returns:
        ``y = u + v`` of the broadcast shape (..., T) in the dtype of ``x``; with ``return_zf`` also ``zf`` in float64.

    Raises:
        TypeError: no float tensors, or parameters narrower than ``x``.
        ValueError: a number of stages that is not even and positive, shapes that do not broadcast, or a number ``coef``
            outside (-1, 1).

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
    b, g = parameter_rows(caller, "coef", coef, x), parameter_rows(caller, "feedback", feedback, x)
    count = stages // 2 + 1
    check_state(caller, zi, x, 2, f"(..., {count}, 2)")
    start = x.new_zeros((1,) * (x.ndim - 1) + (count, 2), dtype=torch.float64) if zi is None else zi.double()
    if start.shape[-2:] != (count, 2):
        raise ValueError(f"{caller}: zi must be (..., {count}, 2) for {stages} stages, got {tuple(start.shape)}.")
    start = start[(None,) * (x.ndim + 1 - start.ndim)]
    broadcast_lead(caller, {"x": x, "coef": b, "feedback": g, "zi": start.flatten(-2)})
    dtype = torch.promote_types(b.dtype, g.dtype)
    pair = torch.stack(torch.broadcast_tensors(b.to(dtype), g.to(dtype)), -1).unsqueeze(-2)
    keep = torch._C._are_functorch_transforms_active() or (torch.is_grad_enabled() and pair.requires_grad)
    y, zf, _ = _call(x, pair, start, keep)
    return (y, zf) if return_zf else y
