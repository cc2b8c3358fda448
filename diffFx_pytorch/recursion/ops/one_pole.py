"""The one-pole smoother: the all-pole recursion of order 1 with a gain of 1 at 0 Hz."""

from __future__ import annotations

from torch import Tensor

from diffFx_pytorch.kernels.precision import where_float64_is

from ..checks import broadcast_batch, check_signal, coefficients, initial_state
from .allpole import all_pole


@where_float64_is
def one_pole(
    x: Tensor,
    coef: Tensor | float,
    zi: Tensor | None = None,
    return_zf: bool = False,
    *,
    time_varying: bool | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""One-pole low-pass of unit gain at 0 Hz.

    .. math:: y[t] = (1 - c[t])\, x[t] + c[t]\, y[t-1]

    A coefficient of 0 passes the input, one of 1 holds the last output. For a time constant of tau seconds
    c = exp(-1 / (tau fs)). Differentiable as :func:`allpole` is.

    Args:
        x: (..., T) float32 or float64 (or complex).
        coef: a number, (...) constant or (..., T) time-varying coefficient, in [0, 1] to be stable (not checked), x's
            dtype or the wider one of its kind. Batch dimensions broadcast with those of x.
        zi: (...) last output before the signal, y[-1]; None is 0.
        return_zf: also return the last output, to go on from.
        time_varying: None takes coef as time-varying where it has as many axes as x, and as constant where it has
            fewer; True or False overrides that.

    Returns:
        y (..., T) in x's dtype and, if asked for, zf (...) in float64 (complex128).

    Raises:
        TypeError: no tensors, integers, or dtypes that do not go together.
        ValueError: shapes that do not go together.

    Examples:
        >>> one_pole(torch.ones(4), torch.tensor(0.5))
        tensor([0.5000, 0.7500, 0.8750, 0.9375])
    """
    check_signal("one_pole", x, allow_complex=True)
    c = coefficients("one_pole", "coef", coef, x, "", time_varying)
    start = initial_state("one_pole", zi, x, (), "(...)").unsqueeze(-1)
    broadcast_batch("one_pole", x=(x, 1), coef=(c, 1), zi=(start, 1))
    y, zf = all_pole(((1.0 - c) * x).to(x.dtype), -c.unsqueeze(-1), start)
    return (y, zf.squeeze(-1)) if return_zf else y
