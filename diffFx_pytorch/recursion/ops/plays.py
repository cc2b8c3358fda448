"""A sum of plays, the hysteresis of what is pinned more and less: a signal and its laggards, mixed."""

from __future__ import annotations

import torch
from torch import Tensor

from diffFx_pytorch.kernels import define, row_kernel
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.precision import where_float64_is
from diffFx_pytorch.recursion.checks import broadcast_batch, check_signal, coefficients, initial_state
from diffFx_pytorch.recursion.cpu.plays import backward, forward

from .backlash import backlash


def _equation(x: Tensor, knobs: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    (share, reach), count = knobs.unbind(-1), zi.shape[-1]
    if not x.shape[-1]:
        return x + share[..., :0] + reach[..., :0] + zi[..., :0], zi
    total, ends = torch.zeros_like(x), []
    for k in range(count):
        r = (reach * ((k + 1) / count)).to(x.dtype)
        play, end = backlash(x - r, 2 * r, zi[..., k], return_zf=True, time_varying=True)
        total = total + play
        ends.append(end.to(zi.dtype))
    return x + (share * (total / count - x)).to(x.dtype), torch.stack(torch.broadcast_tensors(*ends), -1)


_plays = define(
    "plays",
    inputs={"x": 1, "knobs": 2, "zi": 1},
    outputs={"y": lambda x, *_: (x.shape[-1:], x.dtype), "zf": lambda x, knobs, zi: (zi.shape[-1:], zi.dtype)},
    equation=_equation,
    kernel=row_kernel(forward, backward),
)
_plays.register(device="cuda", kernel=triton_kernel("diffFx_pytorch.recursion.cuda.plays"))


@where_float64_is
def plays(
    x: Tensor,
    share: Tensor | float,
    reach: Tensor | float,
    count: int = 4,
    zi: Tensor | None = None,
    return_zf: bool = False,
    *,
    time_varying: bool | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Mix a signal with plays of it that lag behind by different amounts: hysteresis of Rayleigh's kind.

    .. math:: y_t = (1 - h_t) x_t + \frac{h_t}{N} \sum_{k=1}^N p_{k,t}, \qquad
        p_{k,t} = \max(x_t - r_{k,t}, \min(p_{k,t-1}, x_t + r_{k,t})), \qquad r_k = \frac{k}{N} c

    A play stands still until the signal is ``r_k`` ahead of it. Reaches that are spread evenly make curves and loops of
    parabolas, a corner for every play. At a corner the derivative is one-sided.

    Args:
        x: (..., T), float32 or float64.
        share: h: a number or a tensor, (...) constant or (..., T) time-varying; in the dtype of ``x`` or float64. Batch
            dimensions broadcast with those of ``x``.
        reach: c >= 0, in units of ``x``, likewise.
        count: N, the number of plays.
        zi: the plays before the first sample (..., N); None is 0.
        return_zf: also return the plays after the last.
        time_varying: None takes a coefficient with as many axes as ``x`` as time-varying, with fewer as constant; True
            or False says it for both.

    Returns:
        ``y``, of the shape all arguments broadcast to and the dtype of ``x``; with ``return_zf`` also the N plays
        (..., N), float64.

    Raises:
        TypeError: ``x`` or a coefficient is no float tensor, or a coefficient is narrower than ``x``.
        ValueError: shapes that do not broadcast, or a count below 1.

    References:
        A. Visintin, Differential Models of Hysteresis, Springer 1994, chapter III (the play, and sums of it).
        G. Moree, M. Leijon, "Review of play and Preisach models for hysteresis in magnetic materials", Materials 16(6),
        2422, 2023.
    """
    caller = "plays"
    check_signal(caller, x)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"{caller}: count must be a whole number from 1 up, got {count!r}.")
    h = coefficients(caller, "share", share, x, "", time_varying)
    c = coefficients(caller, "reach", reach, x, "", time_varying)
    start = initial_state(caller, zi, x, (count,), f"(..., {count})")
    broadcast_batch(caller, x=(x, 1), share=(h, 1), reach=(c, 1), zi=(start, 1))
    y, zf = _plays(x, torch.stack(torch.broadcast_tensors(h.to(c.dtype), c.to(h.dtype)), -1), start)
    return (y, zf) if return_zf else y
