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


@njit(**INNER)
def _fill(x, first, room, count):  # pragma: no cover
    """``room[i] = x[first + i]`` for i below ``count``, zero outside of x."""
    begin, end = min(max(-first, 0), count), max(min(x.size - first, count), 0)
    for i in range(begin):
        room[i] = 0.0
    for i in range(begin, end):
        room[i] = x[first + i]
    for i in range(max(begin, end), count):
        room[i] = 0.0


@njit(**INLINE)
def double_rows(
    start, stop, signal, signal_row, taps, taps_row, before, after, skip, drop, gain, y, room, odd
):  # pragma: no cover
    """Rows of ``y[2 n] = g p[n + m - 1]``, ``y[2 n + 1] = 2 g sum_j taps[j] p[n + 2 m - 1 - j]``.

    p is the signal with ``before`` zeros in front and ``after`` behind. Args as of ``fir_rows``, with 2 m taps,
    y (rows, 2 T - skip - drop) without the first ``skip`` samples, and room for ``TILE + 2 m`` and ``TILE`` numbers.
    """
    lanes, total, K = lanes_of(odd), y.shape[1], taps.shape[1]
    T, m = (total + skip + 1) // 2, K // 2
    g = y.dtype.type(gain)
    for row in range(start, stop):
        source = signal[signal_row[row]]
        for first in range(0, T, TILE):
            count, at = min(TILE, T - first), first - before
            x = room
            if at >= 0 and at + count + K - 1 <= source.size:
                x = source[at:]
            else:
                _fill(source, at, room, count + K - 1)
            _convolve(x, taps[taps_row[row]], odd, count)
            n, to, out = 0, 2 * first - skip, y[row]
            if to < 0:  # of the first pair only the odd sample is wanted
                out[0] = 2 * g * odd[0]
                n = 1
            while n + lanes <= count and to + 2 * (n + lanes) <= total:
                store_pairs(out, to + 2 * n, g * load(x, n + m - 1), 2.0 * g * load(odd, n))
                n += lanes
            while n < count:
                if to + 2 * n < total:
                    out[to + 2 * n] = g * x[n + m - 1]
                if to + 2 * n + 1 < total:
                    out[to + 2 * n + 1] = 2 * g * odd[n]
                n += 1


@njit(**INLINE)
def halve_rows(
    start, stop, signal, signal_row, taps, taps_row, before, after, gain, y, room, even, odd
):  # pragma: no cover
    """Rows of ``y[n] = g (p[2 n + 2 m - 1] / 2 + sum_j taps[j] p[2 n + 4 m - 2 - 2 j])``.

    p is the signal with ``before`` zeros in front and ``after`` behind. Args as of ``fir_rows``, with 2 m taps,
    y (rows, T), and room for twice, once and once ``TILE + 2 m`` numbers.
    """
    lanes, T, m = lanes_of(even), y.shape[1], taps.shape[1] // 2
    g = y.dtype.type(gain)
    half = y.dtype.type(0.5 * gain)
    for row in range(start, stop):
        source = signal[signal_row[row]]
        for first in range(0, T, TILE):
            count, at = min(TILE, T - first), 2 * first - before
            # The last sample that is read is an even one.
            pairs, n = count + 2 * m - 2, 0
            x, out = room, y[row, first:]
            if at >= 0 and at + 2 * pairs + 1 <= source.size:
                x = source[at:]
            else:
                _fill(source, at, room, 2 * pairs + 1)
            while n + lanes <= pairs:
                evens, odds = load_pairs(x, 2 * n)
                store(even, n, evens)
                store(odd, n, odds)
                n += lanes
            while n < pairs:
                even[n], odd[n] = x[2 * n], x[2 * n + 1]
                n += 1
            even[pairs] = x[2 * pairs]
            _convolve(even, taps[taps_row[row]], out, count)
            n = 0
            while n + lanes <= count:
                store(out, n, half * load(odd, n + m - 1) + g * load(out, n))
                n += lanes
            while n < count:
                out[n] = half * odd[n + m - 1] + g * out[n]
                n += 1
