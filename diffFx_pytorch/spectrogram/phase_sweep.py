"""Phases carried from frame to frame: every bin continues one bin of the frame before, plus an advance."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels import run_rows
from diffFx_pytorch.kernels.operator import Kernel, define
from diffFx_pytorch.kernels.rows import as_rows, as_whole_rows, broadcast_shape, whole_rows

from .cpu.phase_sweep import carry_backward_rows, carry_rows, loudest_path_rows


def _arrays(inputs: Any, batch_shape: tuple[int, ...]) -> list[Any]:
    return [as_whole_rows(t, core, batch_shape) for t, core in zip(inputs, inputs.cores, strict=True)]


def _loudest_path_forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    rows = math.prod(batch_shape)
    run_rows(loudest_path_rows, rows, 1, *_arrays(inputs, batch_shape), as_rows(outputs.source, 2))


def _loudest_path_equation(level: Tensor, state: Tensor) -> Tensor:
    first = state.unsqueeze(-2)
    batch_shape = broadcast_shape(level.shape[:-2], first.shape[:-2])
    level, first = level.expand(*batch_shape, -1, -1), first.expand(*batch_shape, -1, -1)
    last = torch.cat((first, level[..., :-1, :]), -2).unbind(-1)
    here = level.unbind(-1)
    bins = len(here)
    number = torch.arange(bins, device=level.device)

    def passing(order: range) -> dict[int, tuple[Tensor, Tensor]]:
        reach, found = torch.full_like(here[0], -math.inf), number[order[0]].expand(here[0].shape)
        arriving = {}
        for k in order:
            arriving[k] = reach, found
            found = torch.where(last[k] >= reach, number[k], found)
            reach = torch.minimum(torch.maximum(last[k], reach), here[k])
        return arriving

    above, below = passing(range(bins - 1, -1, -1)), passing(range(bins))
    source = []
    for k in range(bins):
        (up, from_below), (down, from_above) = below[k], above[k]
        side = torch.where(up >= down, from_below, from_above)
        source.append(torch.where((last[k] >= up) & (last[k] >= down), number[k], side))
    return torch.stack(source, -1)


_loudest_path = define(
    "loudest_path",
    {"level": 2, "state": 1},
    {"source": lambda level, state: (level.shape[-2:], torch.int64)},
    _loudest_path_equation,
    Kernel(_loudest_path_forward),
    differentiable=False,
)


def loudest_path(level: Tensor, state: Tensor) -> Tensor:
    """Bin of the last frame that each bin of this one continues.

    A bin may go straight on in time, or inherit from a neighbour in its frame that does, and so on along frequency; of
    all such paths it takes the one whose weakest bin is the loudest. That is what heap integration does when it is
    confined to two frames, without a heap and for all frames at once: a running minimum of maxima, up and down.

    Args:
        level: magnitude or its logarithm, (..., frames, bins), float32 or float64.
        state: level of the frame before the first, (..., bins); -inf where nothing is known.

    Returns:
        int64 (..., frames, bins).

    References:
        Prusa and Sondergaard, "Real-time spectrogram inversion using phase gradient heap integration", DAFx 2016.
    """
    return _loudest_path(level, state)


def _carry_forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    run_rows(carry_rows, math.prod(batch_shape), 1, *_arrays(inputs, batch_shape), as_rows(outputs.phase, 2))


def _carry_backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Any]:
    grad = whole_rows(grads.phase, 2, batch_shape)
    total, first = torch.empty_like(grad), grad.new_empty(len(grad), grad.shape[-1])
    source = whole_rows(inputs.source, 2, batch_shape)
    run_rows(carry_backward_rows, len(grad), 1, *(t.numpy() for t in (source, grad, total, first)))
    return [None, total.view(*batch_shape, *total.shape[1:]), first.view(*batch_shape, -1)]


def _carried(source: Tensor, advance: Tensor, state: Tensor, whole_turns: bool = False) -> Tensor:
    batch_shape = broadcast_shape(source.shape[:-2], advance.shape[:-2], state.shape[:-1])
    source, advance = (t.expand(*batch_shape, -1, -1) for t in (source, advance))
    phase = [state.expand(*batch_shape, -1)]
    for j, step in zip(source.unbind(-2), advance.unbind(-2), strict=True):
        p = phase[-1].gather(-1, j) + step
        phase.append(p if whole_turns else p - 2 * math.pi * (p / (2 * math.pi)).round())
    return torch.stack(phase[1:], -2)


def _carry_tangent(inputs: Any, outputs: Any, along: Any) -> Tensor:
    advance, state = (torch.zeros_like(t) if d is None else d for t, d in zip(inputs[1:], along[1:], strict=True))
    return _carried(inputs.source, advance, state, whole_turns=True)


_carry_phase = define(
    "carry_phase",
    {"source": 2, "advance": 2, "state": 1},
    {"phase": lambda source, advance, state: (advance.shape[-2:], advance.dtype)},
    _carried,
    Kernel(_carry_forward, _carry_backward),
    saves={"source": ("advance", "state")},
    tangent=_carry_tangent,
)


def carry_phase(source: Tensor, advance: Tensor, state: Tensor | None = None) -> Tensor:
    r"""Phases summed along the way they came: :math:`\phi[n, k] = \phi[n - 1, j] + a[n, k]`, :math:`j = source[n, k]`.

    Differentiable in the advance and the state; the gradient is the same walk backwards.

    Args:
        source: bin of the last frame, int64 (..., frames, bins).
        advance: a, (..., frames, bins), float32 or float64.
        state: phase of the frame before the first, (..., bins); None is 0.

    Returns:
        phi (..., frames, bins), within half a turn of 0.
    """
    if state is None:
        state = advance.new_zeros(*advance.shape[:-2], advance.shape[-1])
    return _carry_phase(source, advance, state)
