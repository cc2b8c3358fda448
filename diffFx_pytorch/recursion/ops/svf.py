"""Cascades of state variable filters: `svfilt`, and biquads in that form."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from diffFx_pytorch.kernels.precision import where_float64_is
from diffFx_pytorch.recursion.cpu import svf as kernels
from diffFx_pytorch.recursion.ops.cascade import (
    SECTIONS_ON_CUDA,
    cascade_arguments,
    control_point_arguments,
    define_cascade,
)
from diffFx_pytorch.recursion.ops.sections import run_time_varying, run_time_varying_adjoint
from diffFx_pytorch.recursion.ops.svf_points import svf_equations, svf_points

_forward = functools.partial(run_time_varying, kernels.forward, 2)
_backward = functools.partial(run_time_varying_adjoint, kernels.backward)


_svf = define_cascade("svf", svf_equations, _forward, _backward, svf_equations.adjoint)
_svf.register(device="cuda", kernel=SECTIONS_ON_CUDA)


@where_float64_is
def svfilt(
    x: Tensor,
    svf: Tensor,
    zi: Tensor | None = None,
    return_zf: bool = False,
    *,
    at: Tensor | None = None,
    time_varying: bool | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Filter with state variable sections in series; coefficients may jump at every sample and it never blows up.

    Each section is the analogue two-integrator loop under the trapezoidal rule,

    .. math:: v_1 = \frac{s_1 + g (x - s_2)}{1 + g (g + r)}, \quad v_2 = s_2 + g v_1, \quad
        s_1 \leftarrow 2 v_1 - s_1, \quad s_2 \leftarrow 2 v_2 - s_2, \\
        y = h (x - r v_1 - v_2) + b v_1 + l v_2,

    which with :math:`s = (z - 1) / (g (z + 1))` is :math:`H = (h s^2 + b s + l) / (s^2 + r s + 1)`: a mix of the high-,
    band- and low-pass output. Without input :math:`s_1^2 + s_2^2` falls by :math:`4 g r v_1^2` at every sample, for any
    :math:`g, r \ge 0`, however they move; so the state is bounded by the input alone. Every stable biquad has this
    form: `sos_to_svf`. States and arithmetic are float64.

    With ``at``, ``svf`` holds the coefficients at control points, and between two of them each is
    :math:`c_0^{1 - w} c_1^w` where both are of one sign, so that gains move in dB, else a straight line; g is bent a
    little, so that frequencies move in octaves (`join_points`). Gradients go to the points; coefficients are never
    stored for every sample.

    Args:
        x: signal (..., T), float32 or float64.
        svf: sections [g r h b l], (..., K, 5) constant or (..., T, K, 5) time-varying, in the dtype of ``x`` or
            float64; ``g = tan(pi freq_hz / sample_rate)`` and ``r = 1 / Q``, both >= 0. Batch dimensions broadcast with
            those of ``x`` (a dimension of 1 for the channels costs nothing).
        zi: states s1, s2 before the first sample (..., K, 2); zero if None.
        return_zf: also return the states after the last sample.
        at: the samples (F,) at which the control points ``svf`` (..., F, K, 5) stand, int64, as in `ControlPoints`:
            they never decrease, the first is not after sample 0, the last not before sample T - 1. Where two stand at
            one sample the later holds from there on: a jump.
        time_varying: None takes ``svf`` as time-varying where it has two axes more than ``x``, as constant where it has
            fewer; True or False overrides that.

    Returns:
        The output, of the shape ``x`` and the batch dimensions of ``svf`` broadcast to, in the dtype of ``x``; with
        ``return_zf`` also the states (..., K, 2) in float64.

    Raises:
        TypeError: ``x`` or ``svf`` is no float tensor, or ``svf`` is narrower than ``x``.
        ValueError: shapes that do not fit.

    References:
        A. Wishnick, "Time-varying filters for musical applications", DAFx 2014, section 4.
        V. Zavalishin, "The Art of VA Filter Design", rev. 2.1.0, 2018, chapter 4.
    """
    if at is None:
        coef, start = cascade_arguments("svfilt", "svf", x, svf, 5, zi, time_varying)
        y, zf = _svf(x, coef, start)
    else:
        y, zf = svf_points(*control_point_arguments("svfilt", "svf", x, svf, 5, at, zi))
    return (y, zf) if return_zf else y


def sos_to_svf(sos: Tensor) -> Tensor:
    r"""Stable biquads [b0 b1 b2 a0 a1 a2] (..., 6) as state variable sections [g r h b l] (..., 5), for `svfilt`.

    With :math:`A_\pm = a_0 \pm a_1 + a_2` and :math:`B_\pm` likewise: :math:`g = \sqrt{A_+ / A_-}`,
    :math:`r = 2 (a_0 - a_2) / (g A_-)`, :math:`h = B_- / A_-`, :math:`b = 2 (b_0 - b_2) / (g A_-)`,
    :math:`l = B_+ / A_+`. Exact and differentiable; computed in float64. First-order sections (a2 = b2 = 0) are
    biquads as well. Unstable or marginally stable ones give r <= 0, inf or NaN.

    A design whose g and r are known should state them: near 20 Hz, A+ is a small difference of large numbers, which
    costs about 16 + log10(g**2) digits of the 16.
    """
    b0, b1, b2, a0, a1, a2 = sos.double().unbind(-1)
    low, high = a0 + a1 + a2, a0 - a1 + a2
    g = torch.sqrt(low / high)
    return torch.stack(
        [g, 2 * (a0 - a2) / (g * high), (b0 - b1 + b2) / high, 2 * (b0 - b2) / (g * high), (b0 + b1 + b2) / low], -1
    )


def svf_to_sos(svf: Tensor) -> Tensor:
    """State variable sections [g r h b l] (..., 5) as biquads [b0 b1 b2 a0 a1 a2] (..., 6) with a0 = 1, in float64."""
    g, r, h, b, low = svf.double().unbind(-1)
    gg = g * g
    a0 = 1 + g * r + gg
    zeros = [h + g * b + gg * low, 2 * (gg * low - h), h - g * b + gg * low]
    return torch.stack([*(n / a0 for n in zeros), torch.ones_like(a0), 2 * (gg - 1) / a0, (1 - g * r + gg) / a0], -1)
