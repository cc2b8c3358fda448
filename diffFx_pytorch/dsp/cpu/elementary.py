"""Logarithm and exponential of float32 that compile to vector instructions: a library's would be called one by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.vector import exponent, mantissa, power_of_two

INLINE: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "boundscheck": False,
    "fastmath": {"contract", "nsz"},
}


def _floats(*values: float) -> tuple[np.float32, ...]:
    return tuple(np.float32(v) for v in values)


ZERO, HALF, ONE, TWO, INFINITY, LARGEST = _floats(0.0, 0.5, 1.0, 2.0, np.inf, float(np.finfo(np.float32).max))
# Moshier, Cephes mathematical library (1989), logf and expf: minimax polynomials, ln 2 in two parts.
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8 = _floats(
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_E0, _E1, _E2, _E3, _E4, _E5 = _floats(
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1
)
_LN2_HIGH, _LN2_LOW, _PER_LN2 = _floats(0.693359375, -2.12194440e-4, 1.44269504088896341)
_TO_WHOLE, _HIGHEST, _LOWEST = _floats(12582912.0, 88.7, -86.5)


@njit(**INLINE)
def log(x):  # pragma: no cover
    """Natural logarithm, within two units in the last place; x positive and normal, inf or NaN."""
    e = exponent(x)
    f = mantissa(x) - ONE
    z = f * f
    p = ((_L0 * f + _L1) * f + _L2) * f + _L3
    p = (((p * f + _L4) * f + _L5) * f + _L6) * f
    p = ((p + _L7) * f + _L8) * f * z
    p = p + _LN2_LOW * e - HALF * z
    return f + p + _LN2_HIGH * e if x <= LARGEST else x


@njit(**INLINE)
def exp(x):  # pragma: no cover
    """Exponential, within two units in the last place; 0 under 2^-124, inf from e^88.7, NaN of NaN."""
    inside = x if (x > _LOWEST) & (x < _HIGHEST) else ZERO
    n = (inside * _PER_LN2 + _TO_WHOLE) - _TO_WHOLE
    r = inside - n * _LN2_HIGH - n * _LN2_LOW
    p = ((_E0 * r + _E1) * r + _E2) * r + _E3
    p = ((p * r + _E4) * r + _E5) * r * r + r + ONE
    # 2^128 is no float32; half of it is.
    y = p * power_of_two(n - ONE) * TWO
    y = y if x > _LOWEST else ZERO
    y = y if x < _HIGHEST else INFINITY
    return y if x == x else x
