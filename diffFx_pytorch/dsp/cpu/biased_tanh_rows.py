"""Kernels of the shifted hyperbolic tangent: t = tanh u and s = tanh b are given, and the rest is arithmetic."""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER

from .elementary import INLINE

_TILE = 1024


@njit(**INNER)
def _means(y, t, factor, added):  # pragma: no cover
    for n in range(added.size):
        total = y[n * factor] - t[n * factor]
        for i in range(n * factor + 1, (n + 1) * factor):
            total += y[i] - t[i]
        added[n] = total / factor


@njit(**INNER)
def _held(added, factor, h):  # pragma: no cover
    """Every value ``factor`` times, divided by it: the adjoint of the means."""
    for n in range(added.size):
        for i in range(n * factor, (n + 1) * factor):
            h[i] = added[n] / factor


@njit(**INNER | {"fastmath": {"contract", "nsz", "reassoc"}})
def _total(values, count):  # pragma: no cover
    total = 0.0
    for i in range(count):
        total += np.float64(values[i])
    return total


@njit(**INLINE)
def forward(start, stop, t, t_row, b, b_row, factor, threshold, y, added):  # pragma: no cover
    """Rows ``start`` to ``stop - 1`` of y = t (1 - s^2) / (1 + t s), and of the means of y - t.

    Args:
        start: first row.
        stop: one past the last.
        t: (rows, L).
        t_row: which of these a row of y reads.
        b: s, (rows, 1 or L).
        b_row: which of these a row of y reads.
        factor: samples of a mean.
        threshold: not used.
        y: (rows, L), written.
        added: (rows, L / factor), written.
    """
    L = y.shape[1]
    tile = _TILE * factor
    for row in range(start, stop):
        for first in range(0, L, tile):
            last = min(first + tile, L)
            source, target = t[t_row[row], first:last], y[row, first:last]
            if b.shape[1] == 1 and L != 1:
                s = b[b_row[row], 0]
                scale = 1 - s * s
                for i in range(last - first):
                    target[i] = source[i] * (scale / (1 + source[i] * s))
            else:
                moving = b[b_row[row], first:last]
                for i in range(last - first):
                    target[i] = source[i] * ((1 - moving[i] * moving[i]) / (1 + source[i] * moving[i]))
            _means(target, source, factor, added[row, first // factor : last // factor])


@njit(**INLINE)
def backward(start, stop, gy, g_added, t, t_row, b, b_row, factor, threshold, gt, gb):  # pragma: no cover
    """Gradients of rows ``start`` to ``stop - 1``: ``gy`` and ``g_added`` of the outputs, ``gt`` and ``gb`` written."""
    L = gy.shape[1]
    tile = _TILE * factor
    h, terms = np.empty(tile, gt.dtype), np.empty(tile, gt.dtype)
    for row in range(start, stop):
        to_b = 0.0
        for first in range(0, L, tile):
            last = min(first + tile, L)
            count = last - first
            source, grad, target = t[t_row[row], first:last], gy[row, first:last], gt[row, first:last]
            _held(g_added[row, first // factor : last // factor], factor, h)
            if b.shape[1] == 1 and L != 1:
                s = b[b_row[row], 0]
                for i in range(count):
                    inverse = 1 / (1 + source[i] * s)
                    g = (grad[i] + h[i]) * inverse * inverse
                    target[i] = g * (1 - s * s) - h[i]
                    terms[i] = g * source[i] * (-2 * s - source[i] * (1 + s * s))
                to_b += _total(terms, count)
            else:
                moving, found = b[b_row[row], first:last], gb[row, first:last]
                for i in range(count):
                    s = moving[i]
                    inverse = 1 / (1 + source[i] * s)
                    g = (grad[i] + h[i]) * inverse * inverse
                    target[i] = g * (1 - s * s) - h[i]
                    found[i] = g * source[i] * (-2 * s - source[i] * (1 + s * s))
        if b.shape[1] == 1 and L != 1:
            gb[row, 0] = to_b
