"""The shapes of clippers and rectifiers: slope 1 at 0 unless said otherwise, ceilings at -1 and 1."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from .biased_tanh import biased_tanh
from .shaping import Shape

_KNEE = 0.25
"""Half width of the rectifier's corner: that of a diode for a signal of a volt or two."""


def _beyond(u: Tensor, ceiling: float) -> tuple[Tensor, Tensor]:
    """|u| up to a ceiling, and the rest of it."""
    size = u.abs()
    inside = size.clamp_max(ceiling)
    return inside, size - inside


def _log_cosh(u: Tensor) -> tuple[Tensor, ...]:
    # log cosh u = |u| + log((1 + exp(-2 |u|)) / 2): nothing overflows.
    size = u.abs()
    return size, torch.log1p(torch.exp(-2 * size))


TANH = Shape(torch.tanh, _log_cosh, biased=biased_tanh)


def _hard_antiderivative(u: Tensor) -> tuple[Tensor, ...]:
    inside, rest = _beyond(u, 1.0)
    return 0.5 * inside.square(), rest


HARD_CLIP = Shape(lambda u: u.clamp(-1.0, 1.0), _hard_antiderivative, near=None)


def _soft(u: Tensor) -> Tensor:
    # (3 - (2 - 3 |u| / 2)^2) / 3 from 2/3 to 4/3 is u less a parabola that begins at 2/3.
    inside = u.clamp(-4 / 3, 4 / 3)
    return inside - 0.75 * inside.sign() * (inside.abs() - 2 / 3).clamp_min(0.0).square()


def _soft_antiderivative(u: Tensor) -> tuple[Tensor, ...]:
    inside, rest = _beyond(u, 4 / 3)
    return 0.5 * inside.square(), -0.25 * (inside - 2 / 3).clamp_min(0.0) ** 3, rest


SOFT_CLIP = Shape(_soft, _soft_antiderivative, near=None)


def _double_soft(u: Tensor) -> Tensor:
    return torch.tanh(2 * u) / 3 + 2 / 3 * torch.tanh(u / 2)


def _double_soft_antiderivative(u: Tensor) -> tuple[Tensor, ...]:
    low, high = ([c * term for term in _log_cosh(k * u)] for k, c in ((2.0, 1 / 6), (0.5, 4 / 3)))
    return (*low, *high)


DOUBLE_SOFT_CLIP = Shape(_double_soft, _double_soft_antiderivative, near=0.05)


def _cubic(u: Tensor) -> Tensor:
    inside = u.clamp(-1.5, 1.5)
    return inside - 4 / 27 * inside**3


def _cubic_antiderivative(u: Tensor) -> tuple[Tensor, ...]:
    inside, rest = _beyond(u, 1.5)
    return 0.5 * inside.square(), -(inside**4) / 27, rest


CUBIC_CLIP = Shape(_cubic, _cubic_antiderivative, near=None)


def _arctan(u: Tensor) -> Tensor:
    return 2 / math.pi * torch.atan(math.pi / 2 * u)


def _arctan_antiderivative(u: Tensor) -> tuple[Tensor, ...]:
    return u * _arctan(u), -2 / math.pi**2 * torch.log1p((math.pi / 2 * u).square())


ARCTAN = Shape(_arctan, _arctan_antiderivative)


def _exponential(u: Tensor) -> Tensor:
    # Not sign(u) (1 - exp(-|u|)), whose gradient at 0 is lost.
    return torch.where(u < 0, torch.expm1(u.clamp_max(0.0)), -torch.expm1(-u.clamp_min(0.0)))


EXPONENTIAL = Shape(_exponential, lambda u: (u.abs(), torch.expm1(-u.abs())), near=None)


def rectified(amount: Tensor) -> Shape:
    """U + amount (sqrt(u^2 + k^2) - k): half-wave rectification, times 2, at amount 1; k = 1/4 rounds the corner.

    The odd part is u at every amount, so the fundamental of a symmetric sound keeps its level.

    Args:
        amount: broadcasts with u.
    """

    def f(u: Tensor) -> Tensor:
        square = u.square()
        return u + amount * (square / ((square + _KNEE**2).sqrt() + _KNEE))

    def antiderivative(u: Tensor) -> tuple[Tensor, ...]:
        root = (u.square() + _KNEE**2).sqrt()
        return 0.5 * u.square(), amount * 0.5 * u * root, amount * (0.5 * _KNEE**2 * torch.asinh(u / _KNEE) - _KNEE * u)

    return Shape(f, antiderivative, near=0.2 * _KNEE, odd=False)


def asymmetric_tanh(bias: Tensor) -> Shape:
    """(tanh(u + b) - tanh b) / (1 - tanh^2 b), a biased stage of slope 1 at 0.

    That is tanh u / (1 + t tanh u) with t = tanh b: ceilings at -1 / (1 - t) and 1 / (1 + t).

    Args:
        bias: b, broadcasts with u.
    """
    t = torch.tanh(bias)
    scale = 1 / (1 - t.square())

    def f(u: Tensor) -> Tensor:
        bent = torch.tanh(u)
        return bent / (1 + t * bent)

    def antiderivative(u: Tensor) -> tuple[Tensor, ...]:
        return (*(scale * term for term in _log_cosh(u + bias)), -scale * t * u)

    def with_even(u: Tensor) -> tuple[Tensor, Tensor]:
        # The odd part is T / (1 - t^2 T^2) of T = tanh u.
        bent = torch.tanh(u)
        tilted = t * bent
        shaped = bent / (1 + tilted)
        return shaped, tilted * shaped / (tilted - 1)

    return Shape(f, antiderivative, odd=False, with_even=with_even)


def from_slopes(below: list[Tensor], above: list[Tensor], spacing: float) -> Shape:
    """The curve through 0 whose slope is linear between 1 at 0 and the given slopes at multiples of ``spacing``.

    With slopes of 0 and more it never falls. It consists of parabolas, and its slope is continuous; beyond the last
    point it is a straight line. The points are y[k] = y[k-1] + spacing (s[k-1] + s[k]) / 2.

    Args:
        below: slopes at -spacing, -2 spacing, ...; each broadcasts with u.
        above: as many at spacing, 2 spacing, ...
        spacing: distance between the points.
    """

    def pieces(u: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """On the side of u: the length of u in each piece and beyond the last, and the slopes at their ends."""
        is_above = u >= 0
        size = torch.where(is_above, u, -u)  # its gradient at 0 is that of the side above, and not that of |u|, 0
        slopes = [torch.ones_like(u), *(torch.where(is_above, a, b) for a, b in zip(above, below, strict=True))]
        ends = [size.clamp_max((k + 1) * spacing) for k in range(len(above))]
        return [ends[0], *(b - a for a, b in itertools.pairwise([*ends, size]))], slopes

    def f(u: Tensor) -> Tensor:
        runs, slopes = pieces(u)
        height = runs[-1] * slopes[-1]
        for run, (start, end) in zip(runs, itertools.pairwise(slopes), strict=False):
            height = height + run * (start + (end - start) * (run / (2 * spacing)))
        return torch.where(u >= 0, height, -height)

    def antiderivative(u: Tensor) -> tuple[Tensor, ...]:
        runs, slopes = pieces(u)
        area = 0.5 * slopes[-1] * runs[-1].square()
        beyond = runs[-1]
        for run, (start, end) in reversed(list(zip(runs, itertools.pairwise(slopes), strict=False))):
            area = area + run.square() * (0.5 * start + (end - start) * (run / (6 * spacing)))
            area = area + beyond * (0.5 * spacing * (start + end))
            beyond = beyond + run
        return (area,)

    return Shape(f, antiderivative, near=None, odd=False)
