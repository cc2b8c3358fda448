"""Stability of loops: the radius of the outermost pole, found on circles around the origin."""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor

from .connections import Recursion
from .grid import Points
from .response import cascade
from .system import System

_WIDEST = 2.0
_POINTS = 1 << 13
_MOST_POINTS = 1 << 18
_STEP = math.pi / 3
_NEAR = 1e-4
_BESIDE = 1e-8
_NEWTON_STEPS = 12


class UnstableLoop(UserWarning):
    """A loop whose impulse response grows without bound."""


def check_stability(system: System, *, margin: float = 1e-6) -> float:
    """Return the radius of the outermost pole of a system's loops; warn where it lies outside the unit circle.

    The frequency response of an unstable loop still solves its equation; only in time there is no such response.

    Args:
        system: any system; one without loops has radius 0 (the poles of its own filters are not examined).
        margin: how far outside the unit circle a pole may lie; for lossless loops, whose poles lie on it.

    Returns:
        The radius of the outermost pole of all loops.
    """
    radius = max((pole_radius(loop) for loop in loops(system)), default=0.0)
    if radius > 1.0 + margin:
        warnings.warn(
            f"{type(system).__name__} is unstable: its outermost pole has radius {radius:.6g}, so its response in time "
            "grows without end. Lower the gain of the loop.",
            UnstableLoop,
            stacklevel=2,
        )
    return radius


def loops(system: System) -> list[Recursion]:
    """Return all loops in a system, inner ones first."""
    inner = [loop for part in system.parts.values() for loop in loops(part)]
    return [*inner, system] if isinstance(system, Recursion) else inner


def pole_radius(loop: Recursion) -> float:
    """Return the radius of the outermost pole of a loop whose parts are stable themselves.

    The poles are the zeros of det(I - F(z) B(z)). Along a circle with all of them inside, the determinant does not wind
    round the origin; where it does, some lie outside (Nyquist's criterion). Bisection brings the circle near the
    outermost pole; Newton's method, from the minima of the determinant along that circle, finds the poles. Works for
    loops of any length, made of any systems.

    Args:
        loop: without batch dimensions.

    Raises:
        ValueError: for a loop with batch dimensions, or poles beyond a radius of 2.

    References:
        H. Nyquist, "Regeneration theory", Bell System Technical Journal 11, 1932.
        S. J. Schlecht, E. A. P. Habets, "Modal decomposition of feedback delay networks", IEEE TSP 67(20), 2019
        (poles of long loops by iteration).
    """
    low, high = 0.0, _WIDEST
    with torch.no_grad():
        if _encircled(loop, high):
            raise ValueError(f"the loop has poles beyond a radius of {_WIDEST}; its gain is far too high")
        while high - low > _NEAR and high > _NEAR:
            # First in steps downwards: far inside of the poles the determinant winds once for each of them.
            middle = 0.5 * (low + high) if low else 0.8 * high
            low, high = (middle, high) if _encircled(loop, middle) else (low, middle)
        return _polished(loop, high) if low else high


def _polished(loop: Recursion, radius: float) -> float:
    """Radius of the outermost pole that Newton's method reaches from the minima of the determinant along a circle."""
    angle = torch.linspace(0.0, math.pi, 8 * _POINTS, dtype=torch.float64)
    z = torch.polar(torch.full_like(angle, radius), angle)
    size = torch.nn.functional.pad(_determinant(loop, z).abs(), (1, 1), value=math.inf)
    z = z[(size[1:-1] <= size[:-2]) & (size[1:-1] <= size[2:])]
    for _ in range(_NEWTON_STEPS):
        middle, beside = _determinant(loop, z), _determinant(loop, z * (1 + _BESIDE))
        step = middle * (_BESIDE * z) / (beside - middle)
        z = z - torch.where(step.isfinite(), step, 0)
    found = z[(step.abs() < 1e-9) & ((z.abs() - radius).abs() < 2 * _NEAR)].abs()
    return float(found.max()) if len(found) else radius


def _encircled(loop: Recursion, radius: float) -> bool:
    """Whether det(I - F B) winds round the origin as z goes round a circle."""
    angle = torch.linspace(0.0, math.pi, _POINTS, dtype=torch.float64)
    determinant = _determinant(loop, torch.polar(torch.full_like(angle, radius), angle))
    while True:
        if not determinant.isfinite().all():
            return True  # far inside of the poles the loop gain overflows
        turns = torch.angle(determinant[1:] / determinant[:-1])
        # A large step may be one in the other direction: sample more densely there.
        coarse = (turns.abs() > _STEP).nonzero().squeeze(1)
        if not len(coarse) or len(angle) > _MOST_POINTS:
            return abs(float(turns.sum())) > 0.5 * math.pi
        between = 0.5 * (angle[coarse] + angle[coarse + 1])
        closer = _determinant(loop, torch.polar(torch.full_like(between, radius), between))
        angle, order = torch.cat([angle, between]).sort()
        determinant = torch.cat([determinant, closer])[order]


def _determinant(loop: Recursion, z: Tensor) -> Tensor:
    grid = Points(z)
    open_loop = cascade([loop.feedback.respond(grid), loop.feedforward.respond(grid)])
    L = open_loop.dense(torch.empty(0, dtype=grid.dtype))
    if L.dim() != 3:
        raise ValueError(f"pole_radius takes one loop at a time, got batch dimensions {tuple(L.shape[:-3])}")
    identity = torch.eye(L.shape[0], dtype=grid.dtype)
    return torch.linalg.det(identity - L.expand(*L.shape[:-1], grid.size).movedim(-1, 0))
