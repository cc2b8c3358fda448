"""The exponential function of vectors."""

from __future__ import annotations

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER


@njit(**INNER)
def small_exponential(e):  # pragma: no cover
    """exp(e) of a vector for |e| up to 0.25, by its series."""
    y = e * (1 / 39916800) + 1 / 3628800
    y = e * (e * (e * y + 1 / 362880) + 1 / 40320) + 1 / 5040
    y = e * (e * (e * y + 1 / 720) + 1 / 120) + 1 / 24
    return e * (e * (e * (e * y + 1 / 6) + 0.5) + 1.0) + 1.0


@njit(**INNER)
def exponential(x):  # pragma: no cover
    """exp(x) of a vector for |x| up to 20, by the series of exp(x / 64) and six squarings."""
    y = small_exponential(x * (1 / 64))
    y = y * y
    y = y * y
    y = y * y
    y = y * y
    y = y * y
    return y * y
