"""How a constant cascade is cut into segments: how long its filters remember, and their response over a segment."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .biquad_tile import BLOCK, LANES

_WANTED = 2 * LANES
"""Lanes to aim for: two groups, for two threads, whatever their number, so that results never depend on it."""


class Cut(NamedTuple):
    """How rows are cut into segments."""

    segments: int
    """Segments per row."""
    length: int
    """Samples per segment, a multiple of BLOCK; the last may be shorter."""
    warmup: int
    """Tiles to run before a segment (backwards: after it); with a transition, all tiles of a segment."""
    transition: np.ndarray
    """(Q, 2K, 2K) float64, the cascade's state matrix to the power ``length``, or (0, 2K, 2K)."""


def memory(coef: np.ndarray, decades: float) -> float:
    """Samples after which the cascade has forgotten its state by a factor ``10**-decades``; inf if it never does.

    A pole of radius r forgets by r**n; N sections with about the same r by r**n (n (1 - r))**(N-1) / (N-1)!, which 2.5
    more time constants a section outweigh.
    """
    if coef.size == 0:
        return 0.0
    a1, a2 = coef[..., 3], coef[..., 4]
    root = np.sqrt(np.maximum(a1 * a1 - 4 * a2, 0.0))
    radius = np.where(a1 * a1 < 4 * a2, np.sqrt(np.abs(a2)), (np.abs(a1) + root) / 2)
    gap = 1.0 - radius
    if not np.all(gap > 0):  # NaN included
        return math.inf
    slowest = gap.min(axis=-1)
    alike = (gap < 4 * slowest[:, None]).sum(axis=-1)
    return float(np.max((2.303 * decades + 2.5 * (alike - 1)) / slowest))


def transition_matrix(coef: np.ndarray, length: int) -> np.ndarray:
    """(Q, 2K, 2K): what ``length`` samples of silence do to the states s1, s2 of each section."""
    Q, K = coef.shape[:2]
    A = np.zeros((Q, 2 * K, 2 * K))
    arriving = np.zeros((Q, 2 * K))  # the section's input as a sum of states of the sections before it
    for k in range(K):
        b0, b1, b2, a1, a2 = (coef[:, k, i, None] for i in range(5))
        leaving = b0 * arriving
        leaving[:, 2 * k] += 1.0
        A[:, 2 * k] = b1 * arriving - a1 * leaving
        A[:, 2 * k, 2 * k + 1] += 1.0
        A[:, 2 * k + 1] = b2 * arriving - a2 * leaving
        arriving = leaving
    return np.linalg.matrix_power(A, length)


def plan(rows: int, samples: int, coef: np.ndarray, exact: bool, whole: bool = False) -> Cut:
    """Cut rows into segments.

    Args:
        rows: R.
        samples: T.
        coef: (Q, K, 5).
        exact: forbid transition matrices, whose rounding error float64 data would show.
        whole: do not cut.
    """
    K = coef.shape[1]
    none = np.zeros((0, 2 * K, 2 * K))
    tiles = -(-samples // BLOCK)
    uncut = Cut(1, tiles * BLOCK, 0, none)
    if whole or rows >= _WANTED or tiles < 8 or K == 0:
        return uncut
    remembered = memory(coef, 24.0 if exact else 15.0)
    if math.isinf(remembered):
        return uncut
    warmup = math.ceil(remembered / BLOCK)
    segments = 1
    while rows * segments < _WANTED and 2 * max(warmup, 2) * (2 * segments) <= tiles:
        segments *= 2
    if rows * segments < LANES and not exact and tiles >= 8 * LANES:
        # The filters remember too much for that. With the response over a segment, 16 lanes cost two runs.
        length = -(-tiles // (LANES // (1 << (rows - 1).bit_length())))
        if length <= warmup:
            return Cut(-(-tiles // length), length * BLOCK, length, transition_matrix(coef, length * BLOCK))
        segments = -(-tiles // length)
    length = -(-tiles // segments)
    segments = -(-tiles // length)
    return Cut(segments, length * BLOCK, warmup if segments > 1 else 0, none)
