"""How far the level of a band is between a threshold and the point where a gain has its full reach, and the adjoint."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffFx_pytorch.dsp.cpu import elementary
from diffFx_pytorch.dsp.cpu.elementary import INLINE
from diffFx_pytorch.dsp.cpu.gain_rows import total
from diffFx_pytorch.kernels import njit

CHUNK = 1024
"""Samples at a time: what is computed on the way stays in the first-level cache."""


def _forward(log: Any, scalar: Any) -> Any:
    @njit(**INLINE)
    def forward(start, stop, power, floor, coef, of_row, part):  # pragma: no cover
        """Rows ``start`` to ``stop - 1``; a row is one band of the channels that share a gain.

        Args:
            start: first row.
            stop: one past the last.
            power: (R, C, K, T).
            floor: powers below this count as this.
            coef: (., K, 2) float64, threshold (in log power) and part per log power.
            of_row: (R,) int64, the coefficients that each of R reads.
            part: (R, K, T), receives min(max(slope (log max power - threshold), 0), 1).
        """
        _, C, K, T = power.shape
        most = np.empty(CHUNK, power.dtype)
        zero, one, low = scalar(0.0), scalar(1.0), scalar(floor)
        for n in range(start, stop):
            row, k = n // K, n % K
            threshold, slope = scalar(coef[of_row[row], k, 0]), scalar(coef[of_row[row], k, 1])
            for first in range(0, T, CHUNK):
                count = min(CHUNK, T - first)
                own, out = power[row, 0, k, first : first + count], part[row, k, first : first + count]
                for i in range(count):
                    most[i] = own[i]
                for c in range(1, C):
                    own = power[row, c, k, first : first + count]
                    for i in range(count):
                        most[i] = most[i] if (most[i] >= own[i]) | (most[i] != most[i]) else own[i]
                for i in range(count):
                    p = low if most[i] < low else most[i]
                    v = slope * (log(p) - threshold)
                    v = zero if v < zero else v
                    out[i] = one if v > one else v

    return forward


forward_float = _forward(elementary.log, np.float32)
forward_double = _forward(math.log, np.float64)


@njit(**INLINE)
def backward(start, stop, grad, power, floor, coef, of_row, part, gpower, gcoef):  # pragma: no cover
    """The adjoint of ``forward``; ``gcoef`` (R, K, 2) is of each row. Channels that are loudest together share."""
    _, C, K, T = power.shape
    most, loudest = np.empty(CHUNK, power.dtype), np.empty(CHUNK, power.dtype)
    pulled, weighed = np.empty(CHUNK, power.dtype), np.empty(CHUNK, power.dtype)
    for n in range(start, stop):
        row, k = n // K, n % K
        slope = coef[of_row[row], k, 1]
        zero, one = most.dtype.type(0.0), most.dtype.type(1.0)
        per, low = most.dtype.type(slope), most.dtype.type(floor)
        to_threshold, to_slope = 0.0, 0.0
        for first in range(0, T, CHUNK):
            count = min(CHUNK, T - first)
            g, p = grad[row, k, first : first + count], part[row, k, first : first + count]
            own = power[row, 0, k, first : first + count]
            for i in range(count):
                most[i] = own[i]
            for c in range(1, C):
                own = power[row, c, k, first : first + count]
                for i in range(count):
                    most[i] = own[i] if own[i] > most[i] else most[i]
            loudest[:count] = zero
            for c in range(C):
                own = power[row, c, k, first : first + count]
                for i in range(count):
                    loudest[i] += one if own[i] == most[i] else zero
            for i in range(count):
                v = g[i] if (p[i] > zero) & (p[i] < one) else zero
                pulled[i] = v
                weighed[i] = v * p[i]
            to_threshold += total(pulled, count)
            to_slope += total(weighed, count)
            for i in range(count):
                m = low if most[i] < low else most[i]
                pulled[i] = (zero if most[i] < low else pulled[i] * per) / (m * loudest[i])
            for c in range(C):
                own, out = power[row, c, k, first : first + count], gpower[row, c, k, first : first + count]
                for i in range(count):
                    out[i] = pulled[i] if own[i] == most[i] else zero
        gcoef[row, k, 0] = -slope * to_threshold
        gcoef[row, k, 1] = to_slope / slope
