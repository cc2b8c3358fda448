"""Backlash, the hysteresis of a loose gear: the follower moves only when an end of the gap pushes it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels import Kernel, define, run_rows
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.rows import as_rows, as_whole_rows
from diffFx_pytorch.recursion.checks import broadcast_batch, check_signal, coefficients, initial_state
from diffFx_pytorch.recursion.cpu.backlash import backlash_rows


def _equation(x: Tensor, width: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """For each output the sample it comes from (0 the state, t + 1 sample t), and whether the width is on top.

    Every step clamps the output before it to [x, x + width]; two clamps one after the other are one, so log2(T)
    doublings compute all of them.
    """
    low, high = x, x + width
    reach = 1
    while reach < x.shape[-1]:
        here, earlier = slice(reach, None), slice(None, -reach)
        last = low[..., here], high[..., here]
        merged = [torch.clamp(edge[..., earlier], *last) for edge in (low, high)]
        low, high = (torch.cat([e[..., :reach], m], -1) for e, m in zip((low, high), merged, strict=True))
        reach *= 2
    y = torch.clamp(zi, low, high)
    previous = torch.cat([zi, y[..., :-1]], -1)
    falls = x + width < previous
    moved = (x >= previous) | falls
    step = torch.arange(1, x.shape[-1] + 1, device=x.device)
    source = torch.where(moved, step, 0).cummax(-1).values
    lifted = torch.cat([torch.zeros_like(falls[..., :1]), falls & (x < previous)], -1).gather(-1, source)
    return source, lifted


def _forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    arrays = [*(as_whole_rows(t, 1, batch_shape) for t in inputs), *map(as_rows, outputs)]
    run_rows(backlash_rows, math.prod(batch_shape), 1, *arrays)


_backlash_source = define(
    "backlash_source",
    inputs={"x": 1, "width": 1, "zi": 1},
    outputs={"source": lambda x, *_: (x.shape[-1:], torch.int64), "lifted": lambda x, *_: (x.shape[-1:], torch.bool)},
    equation=_equation,
    kernel=Kernel(_forward),
    differentiable=False,
)
_backlash_source.register(device="cuda", kernel=triton_kernel("diffFx_pytorch.recursion.cuda.backlash"))


def backlash(
    x: Tensor,
    width: Tensor | float,
    zi: Tensor | None = None,
    return_zf: bool = False,
    *,
    time_varying: bool | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Follow a rising signal at once, a falling one only when it is ``width`` below.

    .. math:: y_t = \max(x_t, \min(y_{t-1}, x_t + w_t))

    Whether :math:`y_t \ge T` is exactly what a switch says that closes at :math:`T` and opens at :math:`T - w`
    (a Schmitt trigger), for every T at once; but y is continuous, and so has a derivative where a switch has none.
    A kernel says from which sample each output comes; value and derivative follow from that sample.

    Args:
        x: (..., T), float32 or float64.
        width: w >= 0: a number or a tensor, (...) constant or (..., T) time-varying. Batch dimensions broadcast with
            those of x.
        zi: output before the first sample (...); None is the lowest there is: the first sample is followed.
        return_zf: also return the last output.
        time_varying: None takes the width as time-varying where it has as many axes as x, as constant where it has
            fewer; True or False overrides that.

    Returns:
        ``y``, of the shape x and width broadcast to; with ``return_zf`` also the last output (...).

    Raises:
        TypeError: x or width is no float tensor.
        ValueError: shapes that do not broadcast.

    References:
        A. Visintin, Differential Models of Hysteresis, Springer 1994, chapter III (the play operator).
    """
    check_signal("backlash", x)
    w = coefficients("backlash", "width", width, x, "", time_varying).to(x.dtype)
    start = x.new_full((), -math.inf) if zi is None else initial_state("backlash", zi, x, (), "(...)").to(x.dtype)
    start = start.unsqueeze(-1)
    batch_shape = broadcast_batch("backlash", x=(x, 1), width=(w, 1), zi=(start, 1))
    x, w, start = (t.expand(*batch_shape, t.shape[-1]) for t in (x, w, start))
    if not x.shape[-1]:
        return (x, start.squeeze(-1)) if return_zf else x
    source, lifted = _backlash_source(x, w, start)
    y = torch.cat([start, x], -1).gather(-1, source)
    at = (source - 1).clamp_min(0)
    y = y + torch.where(lifted, w.gather(-1, at) if w.shape[-1] > 1 else w, 0.0)
    return (y, y[..., -1]) if return_zf else y
