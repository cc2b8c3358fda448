"""Half-band filters for changing the sample rate by two: their design, and processing by the linear-phase ones.

A half-band filter leaves the lower half of the band alone and removes the upper; every other coefficient of its impulse
response is zero, so at the lower rate it falls into two short branches, one of which is a plain delay (linear phase)
or which are a few first-order all-passes each (minimum phase).
"""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from ..kernels.constants import constant
from ..kernels.transforms import is_traced
from .fir import half_band_double, half_band_halve
from .whole_delay import with_past


def half_band_taps(m: int, attenuation_db: float) -> tuple[float, ...]:
    """The odd coefficients of a linear-phase half-band filter: a windowed sinc, cut off at a quarter of the rate.

    h[k] = w[k] sin(pi (k - 2 m) / 2) / (pi (k - 2 m)); h[2 m] = 1/2 and the other even ones are zero. The ones returned
    sum to 1/2, so that a constant passes unchanged through both branches.

    Args:
        m: half length; the filter has 4 m - 1 coefficients.
        attenuation_db: of the stop band, for the Kaiser window.

    Returns:
        h[1], h[3], ..., h[4 m - 1].

    References:
        J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", ISCAS 1974.
    """
    offset = np.arange(1 - 2 * m, 2 * m, 2)
    window = np.i0(0.1102 * (attenuation_db - 8.7) * np.sqrt(1 - (offset / (2 * m)) ** 2))
    taps = window * np.sin(np.pi * offset / 2) / offset
    return tuple((0.5 * taps / taps.sum()).tolist())


def half_band_allpasses(count: int, transition: float) -> tuple[float, ...]:
    """Coefficients of an elliptic half-band filter (A_0(z^2) + z^-1 A_1(z^2)) / 2, from the theta functions.

    Each c stands for an all-pass (c + z^-2) / (1 + c z^-2); taken in rising order they belong to A_0 and A_1 in turn.

    Args:
        count: number of all-passes; the filter has order 2 count + 1.
        transition: width of the transition band around a quarter of the rate, as a fraction of the rate.
    """
    k = math.tan(math.pi / 4 * (1 - 2 * transition)) ** 2
    root = (1 - k * k) ** 0.25
    e = 0.5 * (1 - root) / (1 + root)
    q = e + 2 * e**5 + 15 * e**9 + 150 * e**13
    order = 2 * count + 1
    coefficients = []
    for i in range(1, count + 1):
        angle = i * math.pi / order
        odd = sum((-1) ** j * q ** (j * (j + 1)) * math.sin((2 * j + 1) * angle) for j in range(8))
        even = 0.5 + sum((-1) ** j * q ** (j * j) * math.cos(2 * j * angle) for j in range(1, 8))
        w = (q**0.25 * odd / even) ** 2
        x = math.sqrt((1 - w * k) * (1 - w / k)) / (1 + w)
        coefficients.append((1 - x) / (1 + x))
    return tuple(sorted(coefficients))


def linear_up(x: Tensor, taps: tuple[float, ...], state: Tensor | None) -> tuple[Tensor, Tensor]:
    """Double the sample rate: y[2 n] = x[n - m], y[2 n + 1] = 2 sum_j h[2 j + 1] x[n - j].

    Args:
        x: (..., T).
        taps: the 2 m odd coefficients of the half-band, ``half_band_taps``.
        state: what the block before returned; None is silence.

    Returns:
        ``(y, state)`` with y (..., 2 T), delayed by 2 m samples of its rate.
    """
    reach, h = len(taps) - 1, constant(taps, x.dtype, x.device)
    left = _last(x, reach, state)
    if not x.shape[-1]:
        return x, left
    return half_band_double(x, h, reach) if state is None else half_band_double(with_past(x, reach, state), h), left


def linear_down(x: Tensor, taps: tuple[float, ...], state: Tensor | None) -> tuple[Tensor, Tensor]:
    """Halve the sample rate: y[n] = x[2 (n - m)] / 2 + sum_j h[2 j + 1] x[2 (n - j) - 1]; arguments as ``linear_up``.

    Returns:
        ``(y, state)`` with y (..., T) of x (..., 2 T), delayed by m of its samples.
    """
    reach, h = 2 * len(taps) - 1, constant(taps, x.dtype, x.device)
    left = _last(x, reach, state)
    if not x.shape[-1]:
        return x, left
    if state is None:
        return half_band_halve(x, h, reach, -2), left
    return half_band_halve(with_past(x, reach, state), h, 0, -2), left


def _last(x: Tensor, samples: int, state: Tensor | None) -> Tensor:
    """The last samples of a block after ``state``, in memory of their own."""
    # A graph of any length cannot know whether the end of a block is as long as that.
    return with_past(x if is_traced() else x[..., -samples:], samples, state)[..., -samples:].contiguous()
