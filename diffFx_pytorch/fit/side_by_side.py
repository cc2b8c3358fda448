"""Damped Gauss-Newton steps from many settings at once, of which fewer and fewer go on, where a sound costs little."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from .least_squares import LeastSquares

_DAMPINGS = (0.1, 1.0, 10.0)
_TURN = 2e-3
"""Of a knob, in positions, by which a derivative is measured."""


@torch.no_grad()
def descend_side_by_side(
    fit: LeastSquares, positions: Tensor, rounds: Sequence[tuple[int, int]], deadline: float = math.inf
) -> tuple[Tensor, Tensor]:
    """Minimise from many settings by Levenberg's and Marquardt's steps, each with a damping of its own.

    Knobs at an end of their range that would leave it are held there for a step.

    Args:
        fit: what is minimised.
        positions: starts, (B, P).
        rounds: how many of the settings, the best, go so many steps: ``((48, 6), (12, 10))``.
        deadline: of ``time.monotonic()``.

    Returns:
        The settings of the last round, the best first, and their errors.
    """
    seen = fit.seen(positions)
    errors, damping = _errors(fit, seen), torch.full((len(positions),), 0.1, dtype=torch.float64)
    for count, steps in rounds:
        best = errors.argsort()[:count]
        positions, seen, errors, damping = positions[best], seen[best], errors[best], damping[best]
        for _ in range(steps):
            if time.monotonic() >= deadline:
                break
            J, r = _jacobians(fit, positions, seen), (seen - fit.target).double()
            A, g = J @ J.mT, (J @ r[..., None])[..., 0]
            place = positions[:, fit.free].double()
            held = ((place <= 0) & (g > 0)) | ((place >= 1) & (g < 0))
            g = g.masked_fill(held, 0.0)
            A = A.masked_fill(held[:, None] | held[..., None], 0.0)
            scale = A.diagonal(dim1=1, dim2=2)
            scale = scale.clamp_min(1e-9).maximum(1e-6 * scale.amax(1, keepdim=True)) + held
            tried = []
            for factor in _DAMPINGS:
                move = torch.linalg.solve_ex(A + ((damping * factor)[:, None] * scale + held).diag_embed(), -g)[0]
                tried.append(positions.clone())
                tried[-1][:, fit.free] = (place + move.nan_to_num(0.0)).clamp(0.0, 1.0).to(positions)
            felt = fit.seen(torch.cat(tried))
            each = _errors(fit, felt).view(len(tried), -1)
            least, which = each.min(0)
            rows = torch.arange(len(positions))
            better = least < errors
            damping = torch.where(better, damping * torch.tensor(_DAMPINGS).double()[which], damping * 30)
            damping = damping.clamp(1e-8, 1e6)
            felt, moved = felt.view(len(tried), *seen.shape)[which, rows], torch.stack(tried)[which, rows]
            seen, positions = torch.where(better[:, None], felt, seen), torch.where(better[:, None], moved, positions)
            errors = torch.where(better, least, errors)
    order = errors.argsort()
    return positions[order], errors[order]


def _jacobians(fit: LeastSquares, positions: Tensor, seen: Tensor) -> Tensor:
    """Derivatives of the feature by the free knobs, (B, K, N) in float64, from differences towards the inside."""
    inwards = torch.where(positions[:, fit.free] > 0.5, -_TURN, _TURN)
    count = len(fit.free)
    turned = positions[:, None].repeat(1, count, 1)
    turned[:, torch.arange(count), fit.free] += inwards
    changed = fit.seen(turned.flatten(0, 1)).unflatten(0, (len(positions), count))
    return ((changed - seen[:, None]).nan_to_num(0.0, 0.0, 0.0) / inwards[..., None]).double()


def _errors(fit: LeastSquares, seen: Tensor) -> Tensor:
    return ((seen - fit.target).square().sum(1).double() / fit.energy).nan_to_num(math.inf)
