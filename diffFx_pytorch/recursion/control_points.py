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
    return Ways(at, samples, core).along(*ways_from(values, core), slice(0, samples))


def ways_from(values: Tensor, core: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Of each point: its value, the logarithm of its ratio to the next, and, where that is no way, their difference.

    Args:
        values: as in `join_points`, like the other.
        core: likewise.
    """
    axis = -1 - core
    following = torch.cat([values.narrow(axis, 1, values.shape[axis] - 1), values.narrow(axis, -1, 1)], axis)
    geometric = ((values > 0) & (following > 0)) | ((values < 0) & (following < 0))
    geometric &= (values.abs() <= FACTOR * following.abs()) & (following.abs() <= FACTOR * values.abs())
    octaves = torch.where(geometric, following, 1.0).abs().log() - torch.where(geometric, values, 1.0).abs().log()
    return values, octaves, torch.where(geometric, 0.0, following - values)


class Ways:
    """The ways from each control point to the next, which `join_points` goes; in parts, where all take too much memory.

    Args:
        at: as in `join_points`, like the others.
        samples: likewise.
        core: likewise.
    """

    def __init__(self, at: Tensor, samples: int, core: int = 2) -> None:
        last = at.shape[-1] - 1
        time = torch.arange(samples, device=at.device).expand(*at.shape[:-1], samples)
        self._core = core
        self._segment = (torch.searchsorted(at.contiguous(), time.contiguous(), right=True) - 1).clamp(0, last)
        begin, end = at.gather(-1, self._segment), at.gather(-1, (self._segment + 1).clamp_max(last))
        self._passed, self._lasts = time - begin, (end - begin).clamp_min(1)

    def along(self, values: Tensor, octaves: Tensor, step: Tensor, part: slice) -> Tensor:
        """The coefficients (..., part, *core), from those of `ways_from`."""
        w = (self._passed[..., part].to(values.dtype) / self._lasts[..., part]).clamp(0, 1)
        w = w.reshape(*w.shape, *[1] * self._core)
        values, octaves, step = (self._picked(t, part) for t in (values, octaves, step))
        return torch.addcmul(values * (w * octaves).exp(), w, step)

    def _picked(self, values: Tensor, part: slice) -> Tensor:
        """Of each sample of a part, what stands at the point before it."""
        axis, segment = -1 - self._core, self._segment[..., part]
        if segment.dim() == 1:
            return values.index_select(axis, segment)
        own = values.shape[values.dim() - self._core :]
        batch = torch.broadcast_shapes(values.shape[:axis], segment.shape[:-1])
        index = segment.reshape(*segment.shape, *[1] * self._core).expand(*batch, segment.shape[-1], *own)
        return values.expand(*batch, *values.shape[axis:]).gather(axis, index)


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
