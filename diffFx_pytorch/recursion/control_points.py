"""Coefficients at control points, and what they are at the samples between."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from diffFx_pytorch.kernels.transforms import is_traced, transforms_active

FACTOR = 1e6
"""Coefficients further apart than this are joined by a straight line: the smaller is a zero that was rounded."""


class ControlPoints(NamedTuple):
    """Coefficients of a filter that moves, at some samples only.

    Attributes:
        values: coefficients (..., F, *core).
        at: (F,) int64, the sample at which each of the F points stands, counted from the first sample of the signal.
            They never decrease; the first is not after sample 0, the last not before the last sample. Where two points
            stand at one sample the later holds from there on, so equal or adjacent positions make exact jumps.
    """

    values: Tensor
    at: Tensor


def join_points(values: Tensor, at: Tensor, samples: int, core: int = 2) -> Tensor:
    r"""The coefficients at every sample, in eager operations; differentiable.

    With w rising from 0 to 1 between two points, the coefficient is :math:`c_0^{1 - w} c_1^w` where both are non-zero
    and of one sign: frequencies and gains move at constant speed in octaves and dB. Elsewhere, and where one is a
    million times the other, it is the straight line :math:`c_0 + w (c_1 - c_0)`.

    Args:
        values: (..., F, *core).
        at: (..., F) int64, as in `ControlPoints`.
        samples: how many, T.
        core: number of axes after that of the points.

    Returns:
        (..., T, *core).
    """
    last = values.shape[-1 - core] - 1
    time = torch.arange(samples, device=at.device).expand(*at.shape[:-1], samples)
    segment = (torch.searchsorted(at.contiguous(), time.contiguous(), right=True) - 1).clamp(0, last)
    following = (segment + 1).clamp_max(last)
    begin, end = at.gather(-1, segment), at.gather(-1, following)
    w = ((time - begin).to(values.dtype) / (end - begin).clamp_min(1)).clamp(0, 1)
    batch = torch.broadcast_shapes(values.shape[: -1 - core], at.shape[:-1])
    values = values.expand(*batch, *values.shape[-1 - core :])

    def pick(index: Tensor) -> Tensor:
        shaped = index.reshape(*index.shape, *[1] * core)
        return values.gather(-1 - core, shaped.expand(*batch, samples, *values.shape[values.dim() - core :]))

    first, second, w = pick(segment), pick(following), w.reshape(*w.shape, *[1] * core)
    geometric = ((first > 0) & (second > 0)) | ((first < 0) & (second < 0))
    geometric &= (first.abs() <= FACTOR * second.abs()) & (second.abs() <= FACTOR * first.abs())
    one = torch.ones_like(first)
    octaves = torch.where(geometric, second, one).abs().log() - torch.where(geometric, first, one).abs().log()
    return torch.where(geometric, first * (w * octaves).exp(), first + w * (second - first))


def check_points(caller: str, name: str, values: Any, at: Any, x: Tensor) -> Tensor:
    """The positions of control points, on the device of ``x``.

    Args:
        caller: the function, for messages.
        name: the coefficients, for messages.
        values: (..., F, K, n).
        at: what was given as positions.
        x: the signal (..., T).

    Raises:
        TypeError: ``values`` is no tensor, ``at`` none of int64.
        ValueError: not one position per point; or, seen where ``at`` is on the CPU, positions that decrease, or that
            leave samples before the first or after the last.
    """
    if not isinstance(at, Tensor) or at.dtype != torch.int64:
        given = at.dtype if isinstance(at, Tensor) else type(at).__name__
        raise TypeError(f"{caller}: at must be a tensor of int64, got {given}: use torch.as_tensor(at).long().")
    if not isinstance(values, Tensor):
        raise TypeError(f"{caller}: {name} is a {type(values).__name__}; it must be a torch.Tensor (..., F, K, n).")
    if values.dim() < 3:
        raise ValueError(f"{caller}: {name} has shape {tuple(values.shape)}; with at it needs (..., F, K, n).")
    points = values.shape[-3]
    if at.dim() != 1 or at.shape[0] != points or points == 0:
        raise ValueError(
            f"{caller}: at has shape {tuple(at.shape)} where {name} of shape {tuple(values.shape)} has {points} "
            f"points; give ({max(points, 1)},), one position per point."
        )
    if at.device.type == "cpu" and not (is_traced() or transforms_active()):
        array, samples = at.numpy(), x.shape[-1]
        if (array[1:] < array[:-1]).any():
            raise ValueError(f"{caller}: the positions at must not decrease; sort at and {name} by time.")
        if array[0] > 0 or array[-1] < samples - 1:
            raise ValueError(
                f"{caller}: at runs from {array[0]} to {array[-1]} and must span the samples 0 to {samples - 1}; "
                f"repeat the first or last point at the end of the signal to hold it."
            )
    return at if at.device == x.device else at.to(x.device)
