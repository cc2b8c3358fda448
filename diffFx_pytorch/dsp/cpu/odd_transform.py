"""Transforms of real frames for convolution, in place: 2 N real samples as N complex numbers, and N points of them.

A frame of 2 N samples is the polynomial sum_n (x[n] + i x[n + N]) z^n modulo z^N - i. Its values at the N roots of that
modulus are the spectrum of the frame at odd multiples of half a bin; a product of two such spectra is a convolution
that wraps with its sign turned, of which the second half is right where one factor has N samples. So there is no bin
at zero and none at the Nyquist frequency, each number is like every other, and nothing is packed or unpacked.

The modulus is split into four of a quarter of its degree, until they are of degree 8, and those eight by eight across
the lanes of vectors. What multiplies is the same all over a part. The roots come in the order of the splitting, which
no product minds.

Real parts are ``work[:size]``, imaginary ones ``work[size:]``.

References:
    H. J. Nussbaumer, "Fast Fourier Transform and Convolution Algorithms", Springer, 1982 (right-angle circular
    convolution); D. J. Bernstein, "Multidigit multiplication for mathematicians", 2001 (moduli split in place).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import load, load_steps, spread, store, store_steps, transpose

LAST = 8
"""Degree of the moduli that are split across lanes, as many at a time."""
LEAST = LAST * LAST
"""Smallest size."""
_EIGHT, _SIXTEEN = (0,) * 8, (0,) * 16
_EIGHTH = math.sqrt(0.5)


def factors(size: int, dtype: Any) -> np.ndarray:
    """What ``forward`` and ``inverse`` multiply by, in their order.

    Args:
        size: N, a power of two from ``LEAST`` on.
        dtype: float32 or float64.
    """
    angles, span, found = np.array([np.pi / 2]), size, []

    def power(angles: np.ndarray) -> list[np.ndarray]:
        return [np.cos(angles), np.sin(angles)]

    if (size // LAST).bit_length() % 2 == 0:
        found.append(np.stack(power(angles / 2), -1).ravel())
        angles, span = (angles[:, None] / 2 + np.pi * np.arange(2)).ravel(), span // 2
    while span > LAST:
        found.append(np.stack([part for k in (1, 2, 3) for part in power(angles * k / 4)], -1).ravel())
        angles, span = (angles[:, None] / 4 + np.pi / 2 * np.arange(4)).ravel(), span // 4
    last = [part for k in (2, 4, 6, 1) for part in power(angles * k / 8)]
    found.append(np.stack(last).reshape(len(last), -1, LAST).transpose(1, 0, 2).ravel())
    return np.concatenate(found).astype(dtype)


@njit(**INNER)
def _times(re, im, wr, wi):  # pragma: no cover
    return wr * re - wi * im, wr * im + wi * re


@njit(**INNER)
def _over(re, im, wr, wi):  # pragma: no cover
    """Times the conjugate."""
    return wr * re + wi * im, wr * im - wi * re


@njit(**INNER)
def _four(a, b, c, d, e, f, g, h):  # pragma: no cover
    """Four complex numbers (a, b), ... as their sums with the powers of 1, i, -1, -i."""
    p, q, r, s = a + e, b + f, a - e, b - f
    t, u, v, w = c + g, d + h, c - g, d - h
    return p + t, q + u, r - w, s + v, p - t, q - u, r + w, s - v


@njit(**INNER)
def _halved(work, size, w, lanes):  # pragma: no cover
    half, wr, wi = size // 2, spread(w, 0, lanes), spread(w, 1, lanes)
    for j in range(0, half, len(lanes)):
        a, b = load(work, j, lanes), load(work, size + j, lanes)
        c, d = _times(load(work, half + j, lanes), load(work, size + half + j, lanes), wr, wi)
        store(work, j, a + c)
        store(work, size + j, b + d)
        store(work, half + j, a - c)
        store(work, size + half + j, b - d)


@njit(**INNER)
def _doubled(work, size, w, lanes):  # pragma: no cover
    half, wr, wi = size // 2, spread(w, 0, lanes), spread(w, 1, lanes)
    for j in range(0, half, len(lanes)):
        a, b = load(work, j, lanes), load(work, size + j, lanes)
        c, d = load(work, half + j, lanes), load(work, size + half + j, lanes)
        store(work, j, a + c)
        store(work, size + j, b + d)
        c, d = _over(a - c, b - d, wr, wi)
        store(work, half + j, c)
        store(work, size + half + j, d)


@njit(**INNER)
def _split(work, size, w, parts, span, lanes):  # pragma: no cover
    quarter = span // 4
    for part in range(parts):
        k = 6 * part
        pr, pi = spread(w, k, lanes), spread(w, k + 1, lanes)
        qr, qi = spread(w, k + 2, lanes), spread(w, k + 3, lanes)
        sr, si = spread(w, k + 4, lanes), spread(w, k + 5, lanes)
        for j in range(part * span, part * span + quarter, len(lanes)):
            j1, j2, j3 = j + quarter, j + 2 * quarter, j + 3 * quarter
            c, d = _times(load(work, j1, lanes), load(work, size + j1, lanes), pr, pi)
            e, f = _times(load(work, j2, lanes), load(work, size + j2, lanes), qr, qi)
            g, h = _times(load(work, j3, lanes), load(work, size + j3, lanes), sr, si)
            a, b, c, d, e, f, g, h = _four(load(work, j, lanes), load(work, size + j, lanes), c, d, e, f, g, h)
            store(work, j, a)
            store(work, size + j, b)
            store(work, j1, c)
            store(work, size + j1, d)
            store(work, j2, e)
            store(work, size + j2, f)
            store(work, j3, g)
            store(work, size + j3, h)


@njit(**INNER)
def _merged(work, size, w, parts, span, lanes):  # pragma: no cover
    quarter = span // 4
    for part in range(parts):
        k = 6 * part
        pr, pi = spread(w, k, lanes), spread(w, k + 1, lanes)
        qr, qi = spread(w, k + 2, lanes), spread(w, k + 3, lanes)
        sr, si = spread(w, k + 4, lanes), spread(w, k + 5, lanes)
        for j in range(part * span, part * span + quarter, len(lanes)):
            j1, j2, j3 = j + quarter, j + 2 * quarter, j + 3 * quarter
            # The powers of i run backwards where the second and the fourth are exchanged.
            a, b, g, h, e, f, c, d = _four(
                load(work, j, lanes), load(work, size + j, lanes),
                load(work, j1, lanes), load(work, size + j1, lanes),
                load(work, j2, lanes), load(work, size + j2, lanes),
                load(work, j3, lanes), load(work, size + j3, lanes),
            )  # fmt: skip
            c, d = _over(c, d, pr, pi)
            e, f = _over(e, f, qr, qi)
            g, h = _over(g, h, sr, si)
            store(work, j, a)
            store(work, size + j, b)
            store(work, j1, c)
            store(work, size + j1, d)
            store(work, j2, e)
            store(work, size + j2, f)
            store(work, j3, g)
            store(work, size + j3, h)


@njit(**INNER)
def _first_quarter(w, k):  # pragma: no cover
    """The roots of the last four moduli: one, and it times the odd powers of the eighth root of 1."""
    ur, ui = load(w, k + 48, _EIGHT), load(w, k + 56, _EIGHT)
    return ur, ui, _EIGHTH * (ur - ui), _EIGHTH * (ur + ui)


@njit(**INNER)
def _split_last(work, size, w):  # pragma: no cover
    for base in range(0, size, 64):
        k = base
        x = transpose(load_steps(work, base, 8, work))
        y = transpose(load_steps(work, size + base, 8, work))
        pr, pi = load(w, k, _EIGHT), load(w, k + 8, _EIGHT)
        qr, qi = load(w, k + 16, _EIGHT), load(w, k + 24, _EIGHT)
        sr, si = load(w, k + 32, _EIGHT), load(w, k + 40, _EIGHT)
        c, d = _times(x[2], y[2], pr, pi)
        e, f = _times(x[4], y[4], qr, qi)
        g, h = _times(x[6], y[6], sr, si)
        a0, b0, c0, d0, e0, f0, g0, h0 = _four(x[0], y[0], c, d, e, f, g, h)
        c, d = _times(x[3], y[3], pr, pi)
        e, f = _times(x[5], y[5], qr, qi)
        g, h = _times(x[7], y[7], sr, si)
        a1, b1, c1, d1, e1, f1, g1, h1 = _four(x[1], y[1], c, d, e, f, g, h)
        ur, ui, vr, vi = _first_quarter(w, k)
        a1, b1 = _times(a1, b1, ur, ui)
        c1, d1 = _times(c1, d1, vr, vi)
        e1, f1 = _times(e1, f1, -ui, ur)
        g1, h1 = _times(g1, h1, -vi, vr)
        real = (a0 + a1, a0 - a1, c0 + c1, c0 - c1, e0 + e1, e0 - e1, g0 + g1, g0 - g1)
        imag = (b0 + b1, b0 - b1, d0 + d1, d0 - d1, f0 + f1, f0 - f1, h0 + h1, h0 - h1)
        store_steps(work, base, 8, real)
        store_steps(work, size + base, 8, imag)


@njit(**INNER)
def _merged_last(work, size, w):  # pragma: no cover
    for base in range(0, size, 64):
        k = base
        x, y = load_steps(work, base, 8, work), load_steps(work, size + base, 8, work)
        ur, ui, vr, vi = _first_quarter(w, k)
        a1, b1 = _over(x[0] - x[1], y[0] - y[1], ur, ui)
        c1, d1 = _over(x[2] - x[3], y[2] - y[3], vr, vi)
        e1, f1 = _over(x[4] - x[5], y[4] - y[5], -ui, ur)
        g1, h1 = _over(x[6] - x[7], y[6] - y[7], -vi, vr)
        a, b, g, h, e, f, c, d = _four(
            x[0] + x[1], y[0] + y[1], x[2] + x[3], y[2] + y[3], x[4] + x[5], y[4] + y[5], x[6] + x[7], y[6] + y[7]
        )
        a1, b1, g1, h1, e1, f1, c1, d1 = _four(a1, b1, c1, d1, e1, f1, g1, h1)
        pr, pi = load(w, k, _EIGHT), load(w, k + 8, _EIGHT)
        qr, qi = load(w, k + 16, _EIGHT), load(w, k + 24, _EIGHT)
        sr, si = load(w, k + 32, _EIGHT), load(w, k + 40, _EIGHT)
        c, d = _over(c, d, pr, pi)
        e, f = _over(e, f, qr, qi)
        g, h = _over(g, h, sr, si)
        c1, d1 = _over(c1, d1, pr, pi)
        e1, f1 = _over(e1, f1, qr, qi)
        g1, h1 = _over(g1, h1, sr, si)
        store_steps(work, base, 8, transpose((a, a1, c, c1, e, e1, g, g1)))
        store_steps(work, size + base, 8, transpose((b, b1, d, d1, f, f1, h, h1)))


@njit(**INNER)
def _is_odd(size):  # pragma: no cover
    """Whether the splitting by four begins after one by two."""
    odd = False
    while size > LAST:
        size, odd = size // 2, not odd
    return odd


@njit(**INNER)
def forward(work, size, w):  # pragma: no cover
    """Coefficients to values at the roots; ``w`` from ``factors``."""
    parts, span, at = 1, size, 0
    if _is_odd(size):
        _halved(work, size, w, _SIXTEEN)
        parts, span, at = 2, size // 2, 2
    while span > LAST:
        if span > 4 * LAST:
            _split(work, size, w[at:], parts, span, _SIXTEEN)
        else:
            _split(work, size, w[at:], parts, span, _EIGHT)
        at += 6 * parts
        parts, span = 4 * parts, span // 4
    _split_last(work, size, w[at:])


@njit(**INNER)
def inverse(work, size, w):  # pragma: no cover
    """Values at the roots to ``size`` times the coefficients."""
    odd = _is_odd(size)
    # Factors of all stages but the last: 6 (4^k - 1) / 3 for k stages by four after 2 for one by two.
    at = size // LAST * 2 - 2
    if odd:
        at = 2 + 2 * (size // LAST - 2)
    _merged_last(work, size, w[at:])
    parts, span = size // LAST, LAST
    while span < (size // 2 if odd else size):
        parts, span = parts // 4, span * 4
        at -= 6 * parts
        if span > 4 * LAST:
            _merged(work, size, w[at:], parts, span, _SIXTEEN)
        else:
            _merged(work, size, w[at:], parts, span, _EIGHT)
    if odd:
        _doubled(work, size, w, _SIXTEEN)
