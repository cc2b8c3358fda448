"""Coefficients at control points."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class ControlPoints(NamedTuple):
    """Coefficients that move, given at some samples and joined between them."""

    values: Tensor
    """(..., F, *core)."""
    at: Tensor
    """(F,) int64, on the CPU: the sample, counted from the first of the block, at which each point stands; ascending,
    equal ones allowed, the first at or before sample 0, the last at or behind the last sample."""
