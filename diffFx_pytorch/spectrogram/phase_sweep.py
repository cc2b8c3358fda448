"""Phases carried from frame to frame: every bin continues one bin of the frame before, plus an advance."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels import run_rows
from diffFx_pytorch.kernels.transforms import with_transforms

from .cpu.phase_sweep import carry_backward_rows, carry_rows, loudest_path_rows


def _rows(x: Tensor, kept: int) -> Any:
    return x.detach().reshape(-1, *x.shape[x.dim() - kept :]).contiguous().numpy()


@torch.library.custom_op("diffFx::loudest_path", mutates_args=())
def loudest_path(level: Tensor, before: Tensor) -> Tensor:
    r"""Bin of the last frame that each bin of this one continues.

    A bin may go straight on in time, or inherit from a neighbour in its frame that does, and so on along frequency; of
    all such paths it takes the one whose weakest bin is the loudest. That is what heap integration does when it is
    confined to two frames, without a heap and for all frames at once: a running minimum of maxima, up and down.

    Args:
        level: magnitude or its logarithm, (..., frames, bins), float32 or float64.
        before: that of the frame before the first, (..., bins); -inf where nothing is known.

    Returns:
        int64 (..., frames, bins).

    References:
        Prusa and Sondergaard, "Real-time spectrogram inversion using phase gradient heap integration", DAFx 2016.
    """
    last = torch.cat((before.unsqueeze(-2), level[..., :-1, :]), -2).unbind(-1)
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


@loudest_path.register_kernel("cpu")
def _(level: Tensor, before: Tensor) -> Tensor:
    source = torch.empty(level.shape, dtype=torch.int64)
    if source.numel():
        rows = math.prod(level.shape[:-2])
        out = source.view(rows, *level.shape[-2:]).numpy()
        run_rows(loudest_path_rows, rows, 1, _rows(level, 2), _rows(before.to(level.dtype), 1), out)
    return source


@loudest_path.register_fake
def _(level: Tensor, before: Tensor) -> Tensor:
    return level.new_empty(level.shape, dtype=torch.int64)


def _together(info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> list[Tensor]:
    """The mapped axis in front of every argument."""
    return [
        t.expand(info.batch_size, *t.shape) if d is None else t.movedim(d, 0)
        for t, d in zip(tensors, in_dims, strict=True)
    ]


@loudest_path.register_vmap
def _(info: Any, in_dims: tuple[int | None, ...], level: Tensor, before: Tensor) -> tuple[Tensor, int]:
    return loudest_path(*_together(info, in_dims, level, before)), 0


@torch.library.custom_op("diffFx::carry_phase", mutates_args=())
def _carry_phase(source: Tensor, advance: Tensor, before: Tensor) -> Tensor:
    phase = [before]
    for j, step in zip(source.unbind(-2), advance.unbind(-2), strict=True):
        p = phase[-1].gather(-1, j) + step
        phase.append(p - 2 * math.pi * (p / (2 * math.pi)).round())
    return torch.stack(phase[1:], -2)


@_carry_phase.register_kernel("cpu")
def _(source: Tensor, advance: Tensor, before: Tensor) -> Tensor:
    phase = torch.empty_like(advance, memory_format=torch.contiguous_format)
    if phase.numel():
        rows = math.prod(advance.shape[:-2])
        out = phase.view(rows, *advance.shape[-2:]).numpy()
        run_rows(carry_rows, rows, 1, _rows(source, 2), _rows(advance, 2), _rows(before, 1), out)
    return phase


@_carry_phase.register_fake
def _(source: Tensor, advance: Tensor, before: Tensor) -> Tensor:
    return torch.empty_like(advance, memory_format=torch.contiguous_format)


@torch.library.custom_op("diffFx::carry_phase_backward", mutates_args=())
def _carry_phase_backward(source: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    total = [grad.select(-2, -1)]
    for n in range(grad.shape[-2] - 1, 0, -1):
        total.append(grad.select(-2, n - 1).scatter_add(-1, source.select(-2, n), total[-1]))
    first = torch.zeros_like(total[-1]).scatter_add(-1, source.select(-2, 0), total[-1])
    return torch.stack(total[::-1], -2), first


@_carry_phase_backward.register_kernel("cpu")
def _(source: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    total = torch.empty_like(grad, memory_format=torch.contiguous_format)
    first = grad.new_zeros(*grad.shape[:-2], grad.shape[-1])
    if total.numel():
        rows = math.prod(grad.shape[:-2])
        outs = total.view(rows, *grad.shape[-2:]).numpy(), first.view(rows, -1).numpy()
        run_rows(carry_backward_rows, rows, 1, _rows(source, 2), _rows(grad, 2), *outs)
    return total, first


@_carry_phase_backward.register_fake
def _(source: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    total = torch.empty_like(grad, memory_format=torch.contiguous_format)
    return total, grad.new_empty(*grad.shape[:-2], grad.shape[-1])


def _summed(source: Tensor, advance: Tensor, before: Tensor) -> Tensor:
    """The same sum without taking whole turns out: what derivatives follow."""
    total = [before]
    for j, step in zip(source.unbind(-2), advance.unbind(-2), strict=True):
        total.append(total[-1].gather(-1, j) + step)
    return torch.stack(total[1:], -2)


def _setup(ctx: Any, inputs: tuple[Tensor, ...], output: Any) -> None:
    ctx.save_for_backward(inputs[0])
    ctx.save_for_forward(inputs[0])


def _backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, Tensor]:
    (source,) = ctx.saved_tensors
    return None, *_carry_back(source, grad)


def _tangent(ctx: Any, _: None, advance: Tensor | None, before: Tensor | None) -> Tensor:
    (source,) = ctx.saved_tensors
    if advance is None:
        assert before is not None
        advance = before.new_zeros(source.shape)
    if before is None:
        before = torch.zeros_like(advance[..., 0, :])
    return _summed(source, advance, before)


def _batched(info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> tuple[Tensor, int]:
    return _carry(*_together(info, in_dims, *tensors)), 0


def _double_backward(ctx: Any, total: Tensor, first: Tensor) -> tuple[None, Tensor]:
    # The adjoint of the adjoint is the sum itself.
    (source,) = ctx.saved_tensors
    return None, _summed(source, total, first)


def _tangent_back(ctx: Any, _: None, grad: Tensor) -> tuple[Tensor, Tensor]:
    (source,) = ctx.saved_tensors
    return _carry_back(source, grad)


def _batched_back(info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> tuple[Any, tuple[int, int]]:
    return _carry_back(*_together(info, in_dims, *tensors)), (0, 0)


_carry = with_transforms(_carry_phase, _setup, _backward, _tangent, _batched)
_carry_back = with_transforms(_carry_phase_backward, _setup, _double_backward, _tangent_back, _batched_back)


def carry_phase(source: Tensor, advance: Tensor, before: Tensor | None = None) -> Tensor:
    r"""Phases summed along the way they came: :math:`\phi[n, k] = \phi[n - 1, j] + a[n, k]`, :math:`j = source[n, k]`.

    Differentiable in the advance and the phase before; the gradient is the same walk backwards.

    Args:
        source: bin of the last frame, int64 (..., frames, bins).
        advance: a, (..., frames, bins), float32 or float64.
        before: phase of the frame before the first, (..., bins); None is 0.

    Returns:
        phi (..., frames, bins), within half a turn of 0.
    """
    if before is None:
        before = advance.new_zeros(*advance.shape[:-2], advance.shape[-1])
    return _carry(source, advance, before)
