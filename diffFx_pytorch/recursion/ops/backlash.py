"""Backlash, the hysteresis of a loose gear: the follower moves only when an end of the gap pushes it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels import run_rows
from diffFx_pytorch.recursion.cpu.backlash import backlash_rows
from diffFx_pytorch.recursion.ops.rows import as_rows, check_signal, parameter_rows
from diffFx_pytorch.recursion.ops.transforms import to_front


@torch.library.custom_op("diffFx::backlash_source", mutates_args=())
def _backlash_source(x: Tensor, width: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """For each output the sample it comes from (0 the state, t + 1 sample t), and whether the width is on top.

    Every step clamps what came before to [x, x + width]; two clamps in a row are one, so all of them are had in
    log2(T) doublings.
    """
    low, high = x, x + width
    reach = 1
    while reach < x.shape[-1]:
        here, before = slice(reach, None), slice(None, -reach)
        last = low[..., here], high[..., here]
        merged = [torch.clamp(edge[..., before], *last) for edge in (low, high)]
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


@_backlash_source.register_kernel("cpu")
def _(x: Tensor, width: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    source, lifted = torch.empty(x.shape, dtype=torch.int64), torch.empty(x.shape, dtype=torch.bool)
    if x.numel():
        rows = math.prod(x.shape[:-1])
        run_rows(backlash_rows, rows, 1, *(as_rows(t) for t in (x, width, zi, source, lifted)))
    return source, lifted


@_backlash_source.register_fake
def _(x: Tensor, width: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape, dtype=torch.int64), x.new_empty(x.shape, dtype=torch.bool)


@_backlash_source.register_vmap
def _(info: Any, in_dims: tuple[int | None, ...], *args: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
    moved = [t.expand(info.batch_size, *t.shape[1:]) for t in to_front(in_dims, args)]
    return _backlash_source(*moved), (0, 0)


def backlash(
    x: Tensor, width: Tensor | float, zi: Tensor | None = None, return_zf: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Follow a rising signal at once, a falling one only when it is ``width`` below.

    .. math:: y_t = \max(x_t, \min(y_{t-1}, x_t + w_t))

    Whether :math:`y_t \ge T` is exactly what a switch says that closes at :math:`T` and opens at :math:`T - w`
    (a Schmitt trigger), for every T at once; but y is continuous, and so has a derivative where a switch has none.
    A kernel says from which sample each output comes; value and derivative follow from that sample.

    Args:
        x: (..., T), float32 or float64.
        width: w >= 0: a number, or a tensor (..., 1) or (..., T) that broadcasts with x.
        zi: output before the first sample (...); None is the lowest there is: the first sample is followed.
        return_zf: also return the last output.

    Returns:
        ``y``, of the shape x and width broadcast to; with ``return_zf`` also the last output (...).

    Raises:
        TypeError: x or width is no float tensor.
        ValueError: shapes that do not broadcast.

    References:
        A. Visintin, Differential Models of Hysteresis, Springer 1994, chapter III (the play operator).
    """
    check_signal("backlash", x)
    w = parameter_rows("backlash", "width", width, x).to(x.dtype)
    lead = torch.broadcast_shapes(x.shape[:-1], w.shape[:-1])
    x, w = x.expand(*lead, x.shape[-1]), w.expand(*lead, w.shape[-1])
    start = x.new_full((*lead, 1), -math.inf) if zi is None else zi.to(x.dtype).unsqueeze(-1).expand(*lead, 1)
    if not x.shape[-1]:
        return (x, start.squeeze(-1)) if return_zf else x
    source, lifted = _backlash_source(x.detach(), w.detach(), start.detach())
    y = torch.cat([start, x], -1).gather(-1, source)
    at = (source - 1).clamp_min(0)
    y = y + torch.where(lifted, w.gather(-1, at) if w.shape[-1] > 1 else w, 0.0)
    return (y, y[..., -1]) if return_zf else y
