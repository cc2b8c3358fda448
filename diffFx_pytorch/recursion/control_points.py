"""Coefficients at control points, and what they are at the samples between."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from diffFx_pytorch.kernels.transforms import is_traced, transforms_active

FACTOR = 1e6
"""Coefficients further apart than this are joined by a straight line: the smaller is a zero that was rounded."""

BEND = (0.154, 1.182)
"""a and b of `bend_of`; its error is below 2 % up to g = 2 and below 4 % everywhere."""

STEEPEST = 1e8
"""g0 g1 from which on a frequency counts as Nyquist."""


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


def bend_of(octaves: Tensor, product: Tensor) -> Tensor:
    r"""How far ln g lies from its straight line half way between two points, where the frequency moves in octaves.

    With :math:`g = \tan \theta` and :math:`\ln \theta` a straight line, ln g is bent by its second derivative,
    :math:`\delta = -\kappa L^2 / 8`, :math:`\kappa = (g / \arctan g - 1 + g^2) / (1 + g^2)`; here
    :math:`\kappa = m (4/3 + a m) / (1 + b m + a m^2)`. The divisor :math:`1 + (\kappa L / 2)^2` keeps g monotonous
    between points however far apart.

    Args:
        octaves: L, ln(g1 / g0).
        product: m, g0 g1.
    """
    a, b = BEND
    m = product.clamp_max(STEEPEST)
    half = m * (4 / 3 + a * m) / (1 + b * m + a * m * m) * octaves / 2
    return -0.25 * octaves * half / (1 + half * half)


def join_points(values: Tensor, at: Tensor, samples: int) -> Tensor:
    r"""The coefficients of `svfilt` at every sample, in eager operations; differentiable.

    With w rising from 0 to 1 between two points, the coefficient is :math:`c_0^{1 - w} c_1^w` where both are non-zero
    and of one sign: gains move at constant speed in dB. The first, g, is :math:`\exp(4 w (1 - w) \delta)` times that,
    so that frequencies move at constant speed in octaves up to Nyquist (`bend_of`). Elsewhere, and where one is a
    million times the other, it is the straight line :math:`c_0 + w (c_1 - c_0)`.

    Args:
        values: (..., F, K, 5).
        at: (..., F) int64, as in `ControlPoints`.
        samples: how many, T.

    Returns:
        (..., T, K, 5).
    """
    return Ways(at, samples, values.dtype).along(table_of(ways_from(values)), slice(0, samples))


def ways_from(values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of each point: its value, the logarithm of its ratio to the next or else their difference, and the bend of g.

    Args:
        values: as in `join_points`, like the other.
    """
    following = torch.cat([values[..., 1:, :, :], values[..., -1:, :, :]], -3)
    geometric = ((values > 0) & (following > 0)) | ((values < 0) & (following < 0))
    geometric &= (values.abs() <= FACTOR * following.abs()) & (following.abs() <= FACTOR * values.abs())
    start, end = torch.where(geometric, values, 1.0), torch.where(geometric, following, 1.0)
    octaves = end.abs().log() - start.abs().log()
    bend = bend_of(octaves[..., :1], (start * end)[..., :1])
    return values, octaves, torch.where(geometric, 0.0, following - values), 4 * bend


def table_of(ways: tuple[Tensor, ...]) -> Tensor:
    """All of `ways_from` in one, (..., F, K, 20), so that a sample looks up once: the bends of all but g are zero."""
    values, octaves, step, bend = ways
    return torch.cat([values, octaves, step, torch.nn.functional.pad(bend, (0, values.shape[-1] - 1))], -1)


class Ways:
    """The ways from each control point to the next, which `join_points` goes; in parts, where all take too much memory.

    Args:
        at: as in `join_points`, like the others.
        samples: likewise.
        dtype: of the coefficients.
    """

    def __init__(self, at: Tensor, samples: int, dtype: torch.dtype) -> None:
        last = at.shape[-1] - 1
        time = torch.arange(samples, device=at.device).expand(*at.shape[:-1], samples)
        self._segment = (torch.searchsorted(at.contiguous(), time.contiguous(), right=True) - 1).clamp(0, last)
        begin, end = at.gather(-1, self._segment), at.gather(-1, (self._segment + 1).clamp_max(last))
        passed, lasts = (time - begin).to(dtype), (end - begin).clamp_min(1)
        self._w = (passed / lasts).clamp(0, 1)[..., None, None]
        self._left = 1 - self._w

    def along(self, table: Tensor, part: slice) -> Tensor:
        """The coefficients (..., part, K, 5), from those of `table_of`."""
        values, factor, step = self._ways(table, part)
        return torch.addcmul(values * factor, self._w[..., part, :, :], step)

    def back(self, table: Tensor, g: Tensor, part: slice, onto: Tensor) -> Tensor:
        """The gradient of what `ways_from` gave (..., F, K, 16), by that of a part's coefficients, added onto others.

        Args:
            table: as in `along`.
            g: (..., part, K, 5).
            part: of the samples.
            onto: (..., F, K, 16), of the batch shape of g.
        """
        values, factor, _ = self._ways(table, part)
        w, to_values = self._w[..., part, :, :], g * factor
        to_octaves = to_values * values * w
        to_bend = to_octaves[..., :1] * self._left[..., part, :, :]
        found, segment = torch.cat([to_values, to_octaves, w * g, to_bend], -1), self._segment[..., part]
        if segment.dim() == 1:
            return onto.index_add(-3, segment, found)
        return onto.scatter_add(-3, segment[..., None, None].expand(found.shape), found)

    def _ways(self, table: Tensor, part: slice) -> tuple[Tensor, Tensor, Tensor]:
        """Of each sample of a part: the value of the point before, the factor it gets, and the step from there."""
        values, octaves, step, bend = self._picked(table, part).chunk(4, -1)
        exponent = torch.addcmul(octaves, self._left[..., part, :, :], bend) * self._w[..., part, :, :]
        return values, exponent.exp(), step

    def _picked(self, values: Tensor, part: slice) -> Tensor:
        """Of each sample of a part, what stands at the point before it."""
        segment = self._segment[..., part]
        if segment.dim() == 1:
            return values.index_select(-3, segment)
        own = values.shape[-2:]
        batch = torch.broadcast_shapes(values.shape[:-3], segment.shape[:-1])
        index = segment[..., None, None].expand(*batch, segment.shape[-1], *own)
        return values.expand(*batch, *values.shape[-3:]).gather(-3, index)


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
