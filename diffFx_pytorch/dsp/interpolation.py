"""Reading between samples: weights of the interpolators as polynomials of the fraction.

A signal is read ``d = k + f`` samples ago, ``k = floor(d)``, ``0 <= f < 1``, from an even number of taps around that
instant: ``x(n - d) = sum_p w_p(f) x[n - k - t + p]``, ``p = 0 .. 2 t - 1``, oldest tap first. Every ``w_p`` is a
polynomial, so value and derivative come from one table, whatever the interpolator; delays, kernels and their gradients
share these tables.

Close to the present there are not ``t`` samples younger than the instant: a delay of ``k`` samples has only ``k`` of
them that lie in the past. There the interpolator becomes Lagrange's on ``2 k`` points (12 at most), down to linear. All
agree at whole delays, so the read stays continuous where they change.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from numpy.polynomial import Chebyshev, Polynomial, polynomial
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant, made_once
from diffFx_pytorch.kernels.transforms import plain

POINTS = {"linear": 2, "cubic": 4, "lagrange": 10, "sinc": 16, "allpass": 2}
INTERPOLATIONS = tuple(POINTS)

_MOST_LAGRANGE = 6  # half the points of the longest one; a table has then at most twelve powers
_SINC_DEGREE = 11
_SINC_BETA = 6.0  # Kaiser window: flat within 0.01 dB to 0.75 of Nyquist; no gain over +0.016 dB, so loops stay stable


def _lagrange(half: int) -> np.ndarray:
    """Polynomials (2 half, 2 half) of Lagrange interpolation, lowest power first; row p is the tap ``half - p``."""
    nodes = np.arange(half, -half, -1, dtype=np.float64)  # delays relative to k, oldest first
    rows = []
    for node in nodes:
        others = nodes[nodes != node]
        rows.append(polynomial.polyfromroots(others) / np.prod(node - others))
    return np.stack(rows)


def _windowed_sinc(half: int) -> np.ndarray:
    """Polynomials (2 half, degree + 1) of a Kaiser-windowed sinc with unit gain at DC, exact at both ends."""
    fraction = 0.5 - 0.5 * np.cos(np.pi * np.arange(_SINC_DEGREE + 1) / _SINC_DEGREE)
    distance = np.arange(half, -half, -1)[:, None] - fraction
    window = np.i0(_SINC_BETA * np.sqrt(np.clip(1 - (distance / half) ** 2, 0, None))) / np.i0(_SINC_BETA)
    weights = np.sinc(distance) * window
    weights /= weights.sum(0)
    fits = (Chebyshev.fit(fraction, w, _SINC_DEGREE, domain=[0, 1]) for w in weights)
    return np.stack([fit.convert(kind=Polynomial).coef for fit in fits])


@functools.cache
def interpolation_table(interpolation: str) -> np.ndarray:
    """Coefficients (P/2, degree + 1, P) of the weights: ``[t - 1, i, p]`` multiplies ``f^i`` in tap p of 2 t taps.

    Args:
        interpolation: ``"linear"`` (2 points), ``"cubic"`` (Lagrange, 4 points), ``"lagrange"`` (10 points: at half a
            sample within 0.04 dB to 0.45 of the sampling rate over 2) or ``"sinc"`` (16 points, Kaiser window).

    Raises:
        ValueError: another name.

    References:
        T. I. Laakso et al., "Splitting the unit delay", IEEE Signal Processing Magazine 13(1), 1996.
        C. W. Farrow, "A continuously variable digital delay element", ISCAS 1988.
    """
    if interpolation not in POINTS:
        raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}; got {interpolation!r}.")
    half = POINTS[interpolation] // 2
    parts = [_lagrange(min(t, _MOST_LAGRANGE)) for t in range(1, half + 1)]
    if interpolation == "sinc":
        parts[-1] = _windowed_sinc(half)
    table = np.zeros((half, max(p.shape[1] for p in parts), 2 * half))
    for t, part in enumerate(parts):
        outer = t + 1 - part.shape[0] // 2
        table[t, : part.shape[1], outer : outer + part.shape[0]] = part.T
        table[t, 0] = np.round(table[t, 0])  # whole delays are exact
    table.setflags(write=False)
    return table


def _rows_of_powers(interpolation: str, whole: bool, derivative: bool) -> np.ndarray:
    """(half (degree + 1), P): what powers of the fraction, for each number of taps, give to the taps or slopes."""
    table = interpolation_table(interpolation)
    table = np.roll(table * np.arange(table.shape[1])[:, None], -1, 1) if derivative else table
    return (table[-1:] if whole else table).reshape(-1, table.shape[-1])


def weights_or_slopes(fraction: Tensor, taps: Tensor | None, interpolation: str, derivative: bool = False) -> Tensor:
    """Weights (..., P) of the taps, oldest first, or their derivatives by the fraction, as torch operations.

    Args:
        fraction: ``f`` (...), float.
        taps: half the number of taps ``t`` (...), int64, 1 to P/2; what lies outside of them is zero. None is P/2.
        interpolation: see :func:`interpolation_table`.
        derivative: which of them.
    """
    return powers_of(fraction, taps, interpolation) @ table_of_powers(fraction, taps is None, interpolation, derivative)


def table_of_powers(like: Tensor, whole: bool, interpolation: str, derivative: bool = False) -> Tensor:
    """What takes `powers_of` a fraction to weights or slopes; whole without ``taps``."""
    return made_once(_rows_of_powers, interpolation, whole, derivative, dtype=like.dtype, device=like.device)


def powers_of(fraction: Tensor, taps: Tensor | None, interpolation: str) -> Tensor:
    """Powers of the fraction (..., number), of each number of taps by itself; as `weights_or_slopes`."""
    half, about = POINTS[interpolation] // 2, {"dtype": torch.int64, "device": fraction.device}
    count = interpolation_table(interpolation).shape[1]
    if plain(fraction):
        powers = fraction.unsqueeze(-1) ** constant(range(count), **about)
    else:  # by products: of a power the second derivative at a fraction of 0 is not a number
        each = [torch.ones_like(fraction)]
        for _ in range(count - 1):
            each.append(each[-1] * fraction)
        powers = torch.stack(each, -1)
    if taps is None:
        return powers
    own = taps.unsqueeze(-1) == constant(range(1, half + 1), **about)
    return (own.unsqueeze(-1) * powers.unsqueeze(-2)).flatten(-2)


def interpolation_weights(fraction: Tensor, taps: Tensor, interpolation: str, derivative: bool = False) -> Tensor:
    """Weights (P, ...) of the taps, oldest first, or their derivatives by the fraction: `weights_or_slopes`."""
    return weights_or_slopes(fraction, taps, interpolation, derivative).movedim(-1, 0)


def split_delay(delay: Tensor, interpolation: str, youngest: int) -> tuple[Tensor, Tensor, Tensor]:
    """Whole part ``k``, fraction ``f`` and half the number of taps ``t`` of a delay in samples.

    Args:
        delay: samples (...).
        interpolation: its name; the all-pass takes its fraction from [0.5, 1.5) where the delay allows.
        youngest: the least delay a tap may have: 1 inside a feedback loop, 0 for a plain read.
    """
    if interpolation == "allpass":
        k = torch.clamp(torch.floor(delay.detach() - 0.5), min=youngest).long()
        return k, delay - k, torch.ones_like(k)
    k = torch.floor(delay.detach()).long()
    return k, delay - k, torch.clamp(k + 1 - youngest, 1, POINTS[interpolation] // 2)


def history_length(max_delay: int, interpolation: str) -> int:
    """Number of past samples that a read of up to ``max_delay`` samples needs."""
    return max_delay + math.ceil(POINTS[interpolation] / 2)
