"""What the settings of a fit explain."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ..processor import Processor
from .alignment import Alignment
from .features import LogSpectrum
from .knobs import FreeKnobs
from .least_squares import LeastSquares
from .limits import Limited
from .task import Task

_AT_REST = 1e-5
"""Positions by which a knob is no farther from its default than what is not heard."""
_EQUAL = 1e-10
"""Energy of a change, relative to the sound's, that is none (-100 dB)."""


def percent(share: float) -> str:
    """A share in words, with as many nines as it has: ``3 %``, ``99.98 %``."""
    left = 1 - share
    if abs(left) < 5e-7:
        return "100 %"
    digits = 0 if not 0 < left < 0.05 else min(4, math.ceil(-math.log10(left) - 1e-9) - 2)
    return f"{max(0.0, 100 * share):.{digits}f} %"


def explained_share(residual: float, tasks: Sequence[Task], alignments: Sequence[Alignment]) -> float:
    """Share of the change from dry to wet that settings with a residual in dB make; NaN where nothing was changed."""
    change = energy = 0.0
    for task, moved in zip(tasks, alignments, strict=True):
        y = task.wet.double()
        x = task.dry[..., moved.skipped :][..., : y.shape[-1]].double()
        x = F.pad(x if x.shape[1] == y.shape[1] else x.mean(1, keepdim=True), (0, y.shape[-1] - x.shape[-1]))
        change, energy = change + float((x - y).square().sum()), energy + float(y.square().sum())
    # Of two that have nothing in common the difference is more than either: silence would explain half of it.
    share = min(change, energy) / energy
    return math.nan if share < _EQUAL else 1 - 10 ** (residual / 10) / share


def at_rest(positions: Tensor, fx: Processor | Limited, free: FreeKnobs) -> Tensor:
    """Settings (S, P) with the free knobs that a rounding error keeps from their defaults at these.

    A bias of 1e-7 is no bias, and has no tail.
    """
    usual = positions.new_tensor([param.to_norm(param.default) for param in fx.params.values()])
    near = torch.zeros_like(positions, dtype=torch.bool)
    near[:, free.index] = ((positions - usual).abs() < _AT_REST)[:, free.index]
    return torch.where(near, usual, positions)


def nearest_by_spectrum(task: Task, free: FreeKnobs, candidates: Tensor) -> tuple[int, float]:
    """The setting whose spectrum is nearest to the wet one's, and how much of the way from the dry one's that is."""
    spectrum = LeastSquares(task, task.wet.shape[-1], LogSpectrum(task.wet), free.index)
    errors = spectrum.errors(candidates)
    dry = task.in_step
    dry = dry if dry.shape[1] == task.wet.shape[1] else dry.mean(1, keepdim=True).expand_as(task.wet)
    before = float(spectrum.differences(dry)[0])
    return int(errors.argmin()), 1 - math.sqrt(float(errors.min()) / max(before, 1e-20))
