"""Filters of poles and zeros with scipy's meaning and scipy's states."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from diffFx_pytorch.kernels.precision import where_float64_is

from ..checks import broadcast_batch, check_signal, coefficients, initial_state, state_dtype
from .allpole import all_pole
from .fir import fir


@where_float64_is
def lfilter(
    x: Tensor,
    b: Tensor,
    a: Tensor,
    zi: Tensor | None = None,
    return_zf: bool = False,
    *,
    time_varying: bool | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""``scipy.signal.lfilter``, differentiable, with coefficients that may vary in time.

    .. math:: a_0 y[t] = b_0 x[t] + z_0[t-1], \quad z_m[t] = z_{m+1}[t-1] + b_{m+1} x[t] - a_{m+1} y[t]

    the transposed direct form 2, after division by a_0. Time-varying coefficients are those of sample t in these
    equations, as if scipy were called sample by sample with its state carried. All of it is computed in float64
    whatever x is. For high orders, and for coefficients that change fast, :func:`sosfilt` and :func:`svfilt`
    behave better.

    Args:
        x: (..., T) float32 or float64 (or complex).
        b: (..., Nb) constant or (..., T, Nb) time-varying numerator; x's dtype or the wider one of its kind.
        a: (..., Na) constant or (..., T, Na) time-varying denominator, a[0] included and not 0; b and a may differ in
            length, and one may vary while the other is constant.
        zi: (..., max(Na, Nb) - 1) state in scipy's order, as ``lfilter_zi`` and ``lfiltic`` give it; None is silence.
        return_zf: also return the final state, to go on from.
        time_varying: None takes b, and a, as time-varying where it has one axis more than x, else as constant; True or
            False overrides that for both.

    Returns:
        y (..., T) in x's dtype and, if asked for, zf (..., max(Na, Nb) - 1) in float64 (complex128).

    Raises:
        TypeError: no tensors, integers, or dtypes that do not go together.
        ValueError: shapes that do not go together.

    Examples:
        >>> lfilter(torch.ones(3), torch.tensor([0.5, 0.5]), torch.tensor([1.0]))
        tensor([0.5000, 1.0000, 1.0000])
    """
    check_signal("lfilter", x, allow_complex=True)
    b = coefficients("lfilter", "b", b, x, "Nb", time_varying)
    a = coefficients("lfilter", "a", a, x, "Na", time_varying)
    if min(a.shape[-1], b.shape[-1]) < 1:
        raise ValueError(f"lfilter: b {tuple(b.shape)} and a {tuple(a.shape)} need at least one coefficient each.")
    order = max(a.shape[-1], b.shape[-1]) - 1
    start = initial_state("lfilter", zi, x, (order,), "(..., max(Na, Nb) - 1)")
    batch_shape = broadcast_batch("lfilter", x=(x, 1), b=(b, 2), a=(a, 2), zi=(start, 1))

    wide, samples = state_dtype(x.dtype), x.shape[-1]
    # (lag, ..., time) with time of length 1 where a coefficient is constant.
    first = a[..., 0].to(wide)
    numerator = [c / first for c in b.to(wide).unbind(-1)]
    feedback = [c / first for c in a[..., 1:].to(wide).unbind(-1)]
    if numerator[0].shape[-1] != 1:
        signal = x.to(wide)
        drive = numerator[0] * signal
        for lag, c in enumerate(numerator[1:], 1):
            drive = drive + _delayed(c * signal, lag)
    else:
        drive = fir(x, torch.cat(numerator, dim=-1))
    if zi is not None:
        head = start[..., :samples]
        drive = drive + pad(head, (0, samples - head.shape[-1]))
    y = drive
    if feedback:
        if a.shape[-2] != 1:
            # What y[t] owes to y[t - i] was put into the state at t - i, by the coefficient of that moment.
            feedback = [c.expand(*c.shape[:-1], samples) for c in feedback]
            taps = [_delayed(c, lag) for lag, c in enumerate(feedback, 1)]
        else:
            taps = feedback
        y, _ = all_pole(drive, torch.stack(taps, dim=-1), start.new_zeros(len(taps)))
    y = y.expand(*batch_shape, samples)
    out = y.to(x.dtype)
    if not return_zf:
        return out
    return out, _final_state(x.to(wide), y, numerator[1:], feedback, start, order)


def _delayed(x: Tensor, lag: int) -> Tensor:
    samples = x.shape[-1]
    return pad(x[..., : max(samples - lag, 0)], (min(lag, samples), 0))


def _final_state(
    x: Tensor, y: Tensor, numerator: list[Tensor], feedback: list[Tensor], zi: Tensor, order: int
) -> Tensor:
    """``z[m]`` after the last sample: everything the past will yet add to the output m samples on."""
    samples = x.shape[-1]
    nothing = torch.zeros(y.shape[:-1], dtype=y.dtype, device=y.device)
    state = []
    for m in range(order):
        total = nothing if samples + m >= order else nothing + zi[..., samples + m]
        for sign, signal, taps in ((1.0, x, numerator), (-1.0, y, feedback)):
            for lag in range(m + 1, len(taps) + 1):
                t = samples + m - lag
                if t >= 0:
                    c = taps[lag - 1]
                    total = total + sign * c[..., t if c.shape[-1] == samples else 0] * signal[..., t]
        state.append(total)
    return torch.stack(state, dim=-1) if state else y.new_zeros((*y.shape[:-1], 0))
