"""Kernels of convolutions with a few fixed coefficients, and of the half-band filters that double or halve a rate."""

from __future__ import annotations

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import constant, lanes_of, load, load_pairs, spread, store, store_pairs

from .elementary import INLINE

TILE = 512
"""Samples at a time: what is computed on the way stays in the first-level cache."""


@njit(**INNER)
def _convolve(x, taps, y, count):  # pragma: no cover
    """``y[n] = sum_k taps[k] x[n + K - 1 - k]`` for n below ``count``; four vectors of sums stay in registers."""
    step, last = lanes_of(x), taps.size - 1
    n = 0
    while n + 4 * step <= count:
        a = b = c = d = constant(x, 0.0)
        for i in range(last + 1):
            h, at = spread(taps, last - i), n + i
            a = h * load(x, at) + a
            b = h * load(x, at + step) + b
            c = h * load(x, at + 2 * step) + c
            d = h * load(x, at + 3 * step) + d
        store(y, n, a)
        store(y, n + step, b)
        store(y, n + 2 * step, c)
        store(y, n + 3 * step, d)
        n += 4 * step
    while n + step <= count:
        a = constant(x, 0.0)
        for i in range(last + 1):
            a = spread(taps, last - i) * load(x, n + i) + a
        store(y, n, a)
        n += step
    while n < count:
        y[n] = x[n] * taps[last]
        for i in range(1, last + 1):
            y[n] += x[n + i] * taps[last - i]
        n += 1


@njit(**INLINE)
def fir_rows(start, stop, padded, padded_row, taps, taps_row, y):  # pragma: no cover
    """Rows ``start`` to ``stop - 1`` of ``y[n] = sum_k taps[k] padded[n + K - 1 - k]``.

    Args:
        start: first row.
        stop: one past the last.
        padded: (rows, T + K - 1).
        padded_row: which of these a row of y reads.
        taps: (rows, K).
        taps_row: which of these a row of y reads.
        y: (rows, T), written.
    """
    for row in range(start, stop):
        _convolve(padded[padded_row[row]], taps[taps_row[row]], y[row], y.shape[1])


@njit(**INLINE)
def double_rows(start, stop, padded, padded_row, taps, taps_row, y, odd):  # pragma: no cover
    """Rows of ``y[2 n] = padded[n + m - 1]``, ``y[2 n + 1] = 2 sum_j taps[j] padded[n + 2 m - 1 - j]``.

    Args as of ``fir_rows``, with 2 m taps, y (rows, 2 T), and room for ``TILE`` numbers.
    """
    step, T, m = lanes_of(odd), y.shape[1] // 2, taps.shape[1] // 2
    for row in range(start, stop):
        for first in range(0, T, TILE):
            count = min(TILE, T - first)
            x, out = padded[padded_row[row], first:], y[row, 2 * first :]
            _convolve(x, taps[taps_row[row]], odd, count)
            n = 0
            while n + step <= count:
                store_pairs(out, 2 * n, load(x, n + m - 1), 2.0 * load(odd, n))
                n += step
            while n < count:
                out[2 * n], out[2 * n + 1] = x[n + m - 1], odd[n] + odd[n]
                n += 1


@njit(**INLINE)
def halve_rows(start, stop, padded, padded_row, taps, taps_row, y, even, odd):  # pragma: no cover
    """Rows of ``y[n] = padded[2 n + 2 m - 1] / 2 + sum_j taps[j] padded[2 n + 4 m - 2 - 2 j]``.

    Args as of ``fir_rows``, with 2 m taps, padded (rows, 2 T + 4 m - 3 or more), and twice room for ``TILE + 2 m``
    numbers.
    """
    step, T, m = lanes_of(even), y.shape[1], taps.shape[1] // 2
    for row in range(start, stop):
        for first in range(0, T, TILE):
            count = min(TILE, T - first)
            x, out = padded[padded_row[row], 2 * first :], y[row, first:]
            # The last sample that is read is an even one.
            pairs, n = count + 2 * m - 2, 0
            while n + step <= pairs:
                evens, odds = load_pairs(x, 2 * n)
                store(even, n, evens)
                store(odd, n, odds)
                n += step
            while n < pairs:
                even[n], odd[n] = x[2 * n], x[2 * n + 1]
                n += 1
            even[pairs] = x[2 * pairs]
            _convolve(even, taps[taps_row[row]], out, count)
            n = 0
            while n + step <= count:
                store(out, n, 0.5 * load(odd, n + m - 1) + load(out, n))
                n += step
            while n < count:
                out[n] += odd[n + m - 1] / 2
                n += 1
