"""Filters of zeros alone, constant or time-varying, in either form."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from ..checks import broadcast_batch, check_signal, coefficients, initial_state, state_dtype
from .fir import fir
from .lfilter import lfilter

Form = Literal["direct", "transposed"]


def fir_filter(
    x: Tensor,
    b: Tensor,
    zi: Tensor | None = None,
    return_zf: bool = False,
    *,
    form: Form = "direct",
    time_varying: bool | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""A filter of zeros, whose two forms are two filters where coefficients move.

    .. math:: y[t] = \sum_i b_i[t]\, x[t-i] \quad \text{(direct)}, \qquad
        y[t] = \sum_i b_i[t-i]\, x[t-i] \quad \text{(transposed)}

    The direct form weighs the past by the coefficients of now, the transposed one by those of then, as :func:`lfilter`
    does. Computed in float64.

    Args:
        x: (..., T) float32 or float64 (or complex).
        b: (..., N) constant or (..., T, N) time-varying, N >= 1; x's dtype or the wider one of its kind.
        zi: (..., N - 1) the state before: of the direct form the inputs x[-1], x[-2], ..., of the transposed one
            scipy's; None is silence.
        return_zf: also return the state after.
        form: ``"direct"`` or ``"transposed"``.
        time_varying: None takes b as time-varying where it has one axis more than x; True or False overrides that.

    Returns:
        y (..., T) in x's dtype and, if asked for, zf (..., N - 1) in float64 (complex128).

    Raises:
        TypeError: no tensors, integers, or dtypes that do not go together.
        ValueError: shapes that do not go together, or another form.
    """
    if form not in get_args(Form):
        raise ValueError(f"fir_filter: form must be {' or '.join(map(repr, get_args(Form)))}, got {form!r}.")
    check_signal("fir_filter", x, allow_complex=True)
    taps = coefficients("fir_filter", "b", b, x, "N", time_varying)
    if taps.shape[-1] < 1:
        raise ValueError(f"fir_filter: b {tuple(b.shape)} needs at least one coefficient.")
    if form == "transposed":
        a = torch.ones(1, 1, dtype=taps.dtype, device=x.device)
        y, zf = lfilter(x, taps, a, zi, return_zf=True, time_varying=True)
        return (y, zf) if return_zf else y
    order = taps.shape[-1] - 1
    start = initial_state("fir_filter", zi, x, (order,), "(..., N - 1)")
    batch_shape = broadcast_batch("fir_filter", x=(x, 1), b=(taps, 2), zi=(start, 1))
    wide, samples = state_dtype(x.dtype), x.shape[-1]
    signal = x.to(wide)
    if zi is not None or return_zf:
        shape = torch.broadcast_shapes(start.shape[:-1], x.shape[:-1])
        signal = torch.cat((start.flip(-1).expand(*shape, order), signal.expand(*shape, samples)), -1)
    else:
        signal = torch.nn.functional.pad(signal, (order, 0))
    if samples == 0:
        y = signal[..., :0]
    elif taps.shape[-2] == 1:
        y = fir(signal, taps[..., 0, :])[..., order:]
    else:
        y = (signal.unfold(-1, order + 1, 1).flip(-1) * taps).sum(-1)
    y = y.expand(*batch_shape, samples).to(x.dtype)
    zf = signal[..., samples:].flip(-1).expand(*batch_shape, order)
    return (y, zf) if return_zf else y
