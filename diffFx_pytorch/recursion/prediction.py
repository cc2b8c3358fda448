"""Linear prediction: the all-pole filter that a sound might have come through, and the forms its coefficients take.

Of use with :func:`allpole`, which takes ``a`` as it is given here, without the leading 1:
``allpole(residual, lpc(x, order))``.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import pad

from .checks import check_signal, state_dtype, step_down

Method = Literal["autocorrelation", "burg"]


def autocorrelation(x: Tensor, order: int) -> Tensor:
    r"""Sums of products of a signal with itself, :math:`r_m = \sum_t x_t x_{t+m}^*`, lags 0 to ``order``.

    Args:
        x: (..., T) float or complex.
        order: the longest lag; lags of T and more give 0.

    Returns:
        (..., order + 1) in float64 (complex128).

    Raises:
        TypeError: no float tensor.
        ValueError: a negative order.
    """
    check_signal("autocorrelation", x, allow_complex=True)
    if order < 0:
        raise ValueError(f"autocorrelation: order must be 0 or more, got {order}.")
    x, samples = x.to(state_dtype(x.dtype)), x.shape[-1]
    late = pad(x, (0, order))
    return torch.stack([(late[..., m : m + samples] * x.conj()).sum(-1) for m in range(order + 1)], -1)


def levinson(r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""The Levinson-Durbin recursion: from autocorrelations to the best predictor.

    Args:
        r: (..., N + 1) autocorrelations, r[0] first. Where r[0] is 0 (silence) the predictor is 0.

    Returns:
        The coefficients a (..., N) of A(z) = 1 + a[1] z^-1 + ..., the reflection coefficients (..., N), and the energy
        of the residual (...), in float64 (complex128).

    References:
        J. Makhoul, "Linear prediction: a tutorial review", Proc. IEEE 63, 1975, equations 38.
    """
    check_signal("levinson", r, allow_complex=True)
    r = r.to(state_dtype(r.dtype))
    a, error = r[..., :0], r[..., 0].real if r.is_complex() else r[..., 0]
    reflections = []
    for m in range(1, r.shape[-1]):
        numerator = r[..., m] + (a * r[..., 1:m].flip(-1)).sum(-1)
        silent = error <= 0
        k = torch.where(silent, torch.zeros_like(numerator), -numerator / torch.where(silent, 1.0, error))
        a, error = _step_up(a, k), error * (1 - k.abs() ** 2)
        reflections.append(k)
    return a, torch.stack(reflections, -1) if reflections else a, error


def lpc(x: Tensor, order: int, method: Method = "autocorrelation") -> Tensor:
    """The filter 1 / A(z) of a given order whose residual A(z) x is weakest.

    Args:
        x: (..., T) float or complex, a frame. The autocorrelation method wants it windowed; Burg's does not, resolves
            short frames better, and is what librosa computes. Both give stable filters.
        order: number of poles; about sample_rate / 1000 + 2 for speech.
        method: ``"autocorrelation"`` (with :func:`levinson`) or ``"burg"``.

    Returns:
        a (..., order), without the leading 1, in float64 (complex128); differentiable. Silence gives 0.

    Raises:
        TypeError: no float tensor.
        ValueError: an unknown method, or an order below 1 or not below T.

    References:
        J. P. Burg, "Maximum entropy spectral analysis", PhD thesis, Stanford, 1975; S. L. Marple, Digital Spectral
        Analysis, Prentice-Hall, 1987, section 7.3.
    """
    check_signal("lpc", x, allow_complex=True)
    if method not in get_args(Method):
        raise ValueError(f"lpc: method must be {' or '.join(map(repr, get_args(Method)))}, got {method!r}.")
    if not 1 <= order < x.shape[-1]:
        raise ValueError(f"lpc: order must be 1 .. T - 1 = {x.shape[-1] - 1}, got {order}.")
    return levinson(autocorrelation(x, order))[0] if method == "autocorrelation" else _burg(x, order)


def _burg(x: Tensor, order: int) -> Tensor:
    forward = backward = x.to(state_dtype(x.dtype))
    a = forward[..., :0]
    for _ in range(order):
        ahead, behind = forward[..., 1:], backward[..., :-1]
        energy = (ahead.abs() ** 2 + behind.abs() ** 2).sum(-1)
        silent = energy == 0
        k = -2 * (ahead * behind.conj()).sum(-1) / torch.where(silent, 1.0, energy)
        forward, backward = ahead + k[..., None] * behind, behind + k[..., None].conj() * ahead
        a = _step_up(a, k)
    return a


def reflection_to_lpc(k: Tensor) -> Tensor:
    """Coefficients from reflection coefficients: the step-up recursion.

    Args:
        k: (..., N); the filter is stable exactly where every magnitude is below 1, so ``torch.tanh`` of anything is a
            stable filter, and a network's output too.

    Returns:
        a (..., N), without the leading 1, in float64 (complex128).

    References:
        J. D. Markel, A. H. Gray, Linear Prediction of Speech, Springer, 1976, section 5.4.
    """
    check_signal("reflection_to_lpc", k, allow_complex=True)
    k = k.to(state_dtype(k.dtype))
    a = k[..., :0]
    for m in range(k.shape[-1]):
        a = _step_up(a, k[..., m])
    return a


def lpc_to_reflection(a: Tensor) -> Tensor:
    """Reflection coefficients from coefficients: the step-down recursion, the inverse of :func:`reflection_to_lpc`.

    Args:
        a: (..., N), without the leading 1. A magnitude of exactly 1 on the way has no inverse: inf or NaN.

    Returns:
        k (..., N) in float64 (complex128).
    """
    check_signal("lpc_to_reflection", a, allow_complex=True)
    return step_down(a.to(state_dtype(a.dtype)))


def lpc_to_lsf(a: Tensor) -> Tensor:
    r"""Line spectral frequencies of a stable filter: the angles at which A(z) +- z^-(N+1) A(1/z) are 0.

    Args:
        a: (..., N) real, without the leading 1; stable.

    Returns:
        (..., N) in radians a sample, ascending in (0, pi), in float64; differentiable (twice).

    Raises:
        TypeError: no real float tensor.

    References:
        F. Itakura, "Line spectrum representation of linear predictor coefficients of speech signals", JASA 57, 1975;
        F. K. Soong, B.-H. Juang, "Line spectrum pair (LSP) and speech data compression", ICASSP 1984.
    """
    check_signal("lpc_to_lsf", a)
    found = []
    for c in _symmetric_parts(a.double()):
        degree = c.shape[-1] - 1
        if degree:
            w = _angles(c.detach())
            m = torch.arange(degree + 1, dtype=c.dtype, device=c.device)
            for _ in range(3):  # Newton: the first polishes, the others carry first and second derivatives
                angle = m * w[..., None]
                value = (c[..., None, :] * angle.cos()).sum(-1)
                w = w + value / (c[..., None, :] * m * angle.sin()).sum(-1)
            found.append(w)
    return torch.cat(found, -1).sort(-1).values if found else a.double()


def lsf_to_lpc(lsf: Tensor) -> Tensor:
    """Coefficients from line spectral frequencies, the inverse of :func:`lpc_to_lsf`.

    Args:
        lsf: (..., N) in radians a sample; the filter is stable where they ascend strictly inside (0, pi).

    Returns:
        a (..., N), without the leading 1, in float64.

    Raises:
        TypeError: no real float tensor.
    """
    check_signal("lsf_to_lpc", lsf)
    lsf = lsf.double()
    order = lsf.shape[-1]
    total = torch.zeros_like(lsf[..., :1])
    # The lowest is of the sum P, the next of the difference Q, and so on in turns.
    for angles, known in zip((lsf[..., 0::2], lsf[..., 1::2]), _known_roots(order), strict=True):
        polynomial = torch.ones_like(lsf[..., :1])
        for factor in known:
            polynomial = _product(polynomial, factor)
        for w in angles.unbind(-1):
            polynomial = _product(polynomial, (1.0, -2 * w.cos()[..., None], 1.0))
        total = total + polynomial / 2
    return total[..., 1 : order + 1]


def _known_roots(order: int) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
    """Of P and of Q, the factors with roots at 1 and -1."""
    return ([], [(1.0, -1.0), (1.0, 1.0)]) if order % 2 else ([(1.0, 1.0)], [(1.0, -1.0)])


def _symmetric_parts(a: Tensor) -> list[Tensor]:
    """P and Q without their known roots, as the cosine series sum c_m cos(m w)."""
    one, zero = torch.ones_like(a[..., :1]), torch.zeros_like(a[..., :1])
    ahead, back = torch.cat((one, a, zero), -1), torch.cat((zero, a.flip(-1), one), -1)
    parts = []
    for polynomial, known in zip((ahead + back, ahead - back), _known_roots(a.shape[-1]), strict=True):
        for _, last in known:
            polynomial = _quotient(polynomial, last)
        half = polynomial.shape[-1] // 2
        parts.append(torch.cat((polynomial[..., half : half + 1], 2 * polynomial[..., half + 1 :]), -1))
    return parts


def _angles(c: Tensor) -> Tensor:
    """The angles in (0, pi) where a cosine series is 0: eigenvalues of the colleague matrix of its Chebyshev series."""
    degree = c.shape[-1] - 1
    row = -c[..., :-1] / (2 * c[..., -1:])
    if degree == 1:
        return (2 * row).clamp(-1, 1).acos()
    matrix = torch.zeros((*c.shape[:-1], degree, degree), dtype=c.dtype, device=c.device)
    i = torch.arange(degree - 1, device=c.device)
    beside = torch.full((degree - 1,), 0.5, dtype=c.dtype, device=c.device)
    beside[0] = root = math.sqrt(0.5)  # cos 0 w weighs as much as the others where it is divided by the root of 2
    matrix[..., i, i + 1] = matrix[..., i + 1, i] = beside
    matrix[..., -1, :1] += row[..., :1] / root
    matrix[..., -1, 1:] += row[..., 1:]
    return torch.linalg.eigvals(matrix).real.clamp(-1, 1).acos()


def _step_up(a: Tensor, k: Tensor) -> Tensor:
    k = k.unsqueeze(-1)
    return torch.cat((a + k * a.flip(-1).conj(), k), -1)


def _product(polynomial: Tensor, factor: tuple[float | Tensor, ...]) -> Tensor:
    """Of a polynomial (..., n) and a few coefficients."""
    length = len(factor) - 1
    shifted = [c * pad(polynomial, (i, length - i)) for i, c in enumerate(factor)]
    return sum(shifted[1:], shifted[0])


def _quotient(polynomial: Tensor, last: float) -> Tensor:
    """A polynomial over (1, last), which divides it."""
    found = [polynomial[..., 0]]
    for c in polynomial[..., 1:-1].unbind(-1):
        found.append(c - last * found[-1])
    return torch.stack(found, -1)
