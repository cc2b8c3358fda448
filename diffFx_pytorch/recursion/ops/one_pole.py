"""The one-pole smoother: the all-pole recursion of order 1 with a gain of 1 at 0 Hz."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..checks import broadcast_lead, check_coefficients, check_signal, check_state, decide_moving
from .allpole import recur


def one_pole(
    x: Tensor, coef: Tensor, zi: Tensor | None = None, return_zf: bool = False, *, moving: bool | None = None
) -> Tensor | tuple[Tensor, Tensor]:
    r"""One-pole low-pass of unit gain at 0 Hz.

    .. math:: y[t] = (1 - c[t])\, x[t] + c[t]\, y[t-1]

    A coefficient of 0 passes the input, one of 1 holds the last output. For a time constant of tau seconds
    c = exp(-1 / (tau fs)). Differentiable as :func:`allpole` is.

    Args:
        x: (..., T) float32 or float64 (or complex).
        coef: (...) constant or (..., T) moving coefficient, in [0, 1] to be stable (not checked), x's dtype or the
            wider one of its kind. Leading dimensions broadcast with those of x.
        zi: (...) last output before the signal, y[-1]; None is 0.
        return_zf: also return the last output, to go on from.
        moving: None takes coef as moving where it has as many axes as x, and as constant where it has fewer; True or
            False overrides that.

    Returns:
        y (..., T) in x's dtype and, if asked for, zf (...) in float64 (complex128).

    Raises:
        TypeError: no tensors, integers, or dtypes that do not go together.
        ValueError: shapes that do not go together.

    Example:
        >>> one_pole(torch.ones(4), torch.tensor(0.5))
        tensor([0.5000, 0.7500, 0.8750, 0.9375])
    """
    check_signal("one_pole", "x", x, allow_complex=True)
    check_coefficients("one_pole", "coef", coef, x, "(...) or (..., T)")
    moving = decide_moving("one_pole", "coef", coef, x, 0, moving)
    shapes: dict[str, Sequence[int]] = {"x": x.shape[:-1], "coef": coef.shape[:-1] if moving else coef.shape}
    if zi is not None:
        check_state("one_pole", zi.unsqueeze(-1) if isinstance(zi, Tensor) else zi, x, 1, "(...)")
        shapes["zi"] = zi.shape
    broadcast_lead("one_pole", shapes)
    weight = coef if moving else coef.unsqueeze(-1)
    drive = ((1.0 - weight) * x).to(x.dtype)
    y, zf = recur(drive, -coef.unsqueeze(-1), None if zi is None else zi.unsqueeze(-1), moving)
    return (y, zf.squeeze(-1)) if return_zf else y
