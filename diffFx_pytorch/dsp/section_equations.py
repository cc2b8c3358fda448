"""The equations of second-order sections in eager torch operations: what the operator of ``section_design`` computes.

They serve every device without a kernel, and derivatives of second order. The formulas are explained in ``biquad``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .levels import db_to_amp


def _bilinear(w0: Tensor, q: Tensor, b0: Tensor, b1: Tensor, b2: Tensor) -> Tensor:
    """A section with the poles of 1 / (s^2 + s/Q + 1) under the bilinear transform."""
    alpha = torch.sin(w0) / (2 * q)
    return _section(b0, b1, b2, 1 + alpha, -2 * torch.cos(w0), 1 - alpha)


def _section(b0: Tensor, b1: Tensor, b2: Tensor, a0: Tensor, a1: Tensor, a2: Tensor) -> Tensor:
    return torch.stack([b0 / a0, b1 / a0, b2 / a0, torch.ones_like(a0), a1 / a0, a2 / a0], -1)


def _sin_squared(u: Tensor) -> Tensor:
    """sin(sqrt(u))**2, continued to -sinh(sqrt(-u))**2 for u < 0; smooth at 0, where the square root is not."""
    small = u.abs() < 1e-3
    root = torch.sqrt(torch.where(small, torch.ones_like(u), u.abs()))
    bounded = torch.where(u > 0, torch.zeros_like(root), root)
    large = torch.where(u > 0, torch.sin(root) ** 2, -(torch.sinh(bounded) ** 2))
    near = torch.where(small, u, torch.zeros_like(u))
    series = near * (1 - near * (1 / 3 - near * (2 / 45 - near * (1 / 315 - near * (2 / 14175)))))
    return torch.where(small, series, large)


class _Poles:
    """Sampled analogue poles: a1, a2, the scale 4 e, and the quadratic D by its d0, d1."""

    def __init__(self, w0: Tensor, zeta: Tensor) -> None:
        e = torch.exp(-zeta * w0)
        S = torch.sinh(zeta * w0 / 2) ** 2
        s = _sin_squared((1 - zeta * zeta) * w0 * w0 / 4)
        self.a1, self.a2 = -2 * e * (1 - 2 * s), e * e
        self.scale = 4 * e
        self.d0, self.d1 = S + s, S - s - 2 * s * S

    def D(self, phi: Tensor | float) -> Tensor:
        return phi * phi + 2 * self.d1 * phi + self.d0**2

    def with_zeros(self, b0: Tensor, b1: Tensor, b2: Tensor) -> Tensor:
        k = self.scale
        return torch.stack([k * b0, k * b1, k * b2, torch.ones_like(k), self.a1, self.a2], -1)


def _zeros(P: Tensor, M: Tensor, delta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """b0, b1, b2 from b0 + b1 + b2 = P, b0 - b1 + b2 = M and b0 - b2 = delta."""
    W = (P + M) / 2
    return (W + delta) / 2, (P - M) / 2, (W - delta) / 2


def _peak_zeros(p: _Poles, G2: Tensor, phi: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    # N = G^2 D + (1 - G^2) (d0 (1 - phi / phi0))^2: the second term is a notch, so at phi0 both the value and the slope
    # are those of G^2 D, and at DC N = D.
    notch = (1 - G2) * p.d0**2
    n0, n1 = p.d0**2, 2 * G2 * p.d1 - 2 * notch / phi
    P = p.d0
    M = torch.sqrt(G2 * p.D(1.0) + notch * (1 - 1 / phi) ** 2)
    return _zeros(P, M, torch.sqrt(2 * n0 + n1 + 2 * P * M) / 2)


def _peak(w0: Tensor, q: Tensor, gain_db: Tensor, matched: bool) -> Tensor:
    A = db_to_amp(gain_db / 2)
    if not matched:
        alpha, cos = torch.sin(w0) / (2 * q), torch.cos(w0)
        return _section(1 + alpha * A, -2 * cos, 1 - alpha * A, 1 + alpha / A, -2 * cos, 1 - alpha / A)
    p, phi = _Poles(w0, 1 / (2 * A * q)), torch.sin(w0 / 2) ** 2
    # b(G) - b(1) is zero to the last bit at 0 dB, and b(1) is a.
    moved = zip(_peak_zeros(p, A**4, phi), _peak_zeros(p, torch.ones_like(A), phi), strict=True)
    b0, b1, b2 = (p.scale * (b - unity) for b, unity in moved)
    one = torch.ones_like(A)
    return torch.stack([one + b0, p.a1 + b1, p.a2 + b2, one, p.a1, p.a2], -1)


def _boosting_low_shelf(w0: Tensor, q: Tensor, gain_db: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Zeros and poles of a matched low shelf for gain_db >= 0, its poles at w0 / sqrt(A), under Nyquist."""
    A, zeta = db_to_amp(gain_db / 2), 1 / (2 * q)
    low, high = w0 / torch.sqrt(A), w0 * torch.sqrt(A)
    p = _Poles(low, zeta)

    def zeros(gain: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # DC and Nyquist have the analogue gain; the product of the zeros is sampled as that of the poles is.
        at_nyquist = _prototype(math.pi / w, q) / _prototype(math.pi / low, q)
        P, M = gain * p.d0, gain * torch.sqrt(p.D(1.0) * at_nyquist)
        return _zeros(P, M, (P + M) / 2 * torch.tanh(zeta * w))

    moved = zip(zeros(A * A, high), zeros(torch.ones_like(A), low), strict=True)
    b0, b1, b2 = (p.scale * (b - unity) for b, unity in moved)
    one = torch.ones_like(A)
    return (one + b0, p.a1 + b1, p.a2 + b2), (one, p.a1, p.a2)


def _prototype(x: Tensor, q: Tensor) -> Tensor:
    """|1 - x^2 + j x / Q|^2."""
    return (1 - x * x) ** 2 + (x / q) ** 2


def _low_shelf(w0: Tensor, q: Tensor, gain_db: Tensor, matched: bool) -> Tensor:
    if not matched:
        A = db_to_amp(gain_db / 2)
        c, beta = torch.cos(w0), torch.sqrt(A) * torch.sin(w0) / q
        up, down = A + 1, A - 1
        return _section(
            A * (up - down * c + beta),
            2 * A * (down - up * c),
            A * (up - down * c - beta),
            up + down * c + beta,
            -2 * (down + up * c),
            up + down * c - beta,
        )
    boost = gain_db >= 0
    b, a = _boosting_low_shelf(w0, q, torch.where(boost, gain_db, -gain_db))
    numerator = [torch.where(boost, n, d) for n, d in zip(b, a, strict=True)]
    denominator = [torch.where(boost, d, n) for n, d in zip(b, a, strict=True)]
    return _section(*numerator, *denominator)


def _high_shelf(w0: Tensor, q: Tensor, gain_db: Tensor, matched: bool) -> Tensor:
    shelf, raised = _low_shelf(w0, q, -gain_db, matched), db_to_amp(gain_db)
    return torch.cat([raised[..., None] * shelf[..., :3], shelf[..., 3:]], -1)


def _low_pass(w0: Tensor, q: Tensor, matched: bool) -> Tensor:
    phi = torch.sin(w0 / 2) ** 2
    if not matched:
        return _bilinear(w0, q, phi, 2 * phi, phi)
    p = _Poles(w0, 1 / (2 * q))
    M = torch.sqrt(p.d0**2 + (q * q * p.D(phi) - p.d0**2) / phi)
    return p.with_zeros((p.d0 + M) / 2, (p.d0 - M) / 2, torch.zeros_like(M))


def _high_pass(w0: Tensor, q: Tensor, matched: bool) -> Tensor:
    phi = torch.sin(w0 / 2) ** 2
    if not matched:
        return _bilinear(w0, q, 1 - phi, -2 * (1 - phi), 1 - phi)
    p = _Poles(w0, 1 / (2 * q))
    b = q * torch.sqrt(p.D(phi)) / (4 * phi)
    return p.with_zeros(b, -2 * b, b)


def _band_pass(w0: Tensor, q: Tensor, matched: bool) -> Tensor:
    if not matched:
        alpha = torch.sin(w0) / (2 * q)
        return _bilinear(w0, q, alpha, torch.zeros_like(w0), -alpha)
    p, phi = _Poles(w0, 1 / (2 * q)), torch.sin(w0 / 2) ** 2
    # N = D less the notch: n1 phi + n2 phi^2, with value and slope of D at the centre.
    n1 = 2 * p.d1 + 2 * p.d0**2 / phi
    M = torch.sqrt(n1 + 1 - (p.d0 / phi) ** 2)
    return p.with_zeros(*_zeros(torch.zeros_like(M), M, torch.sqrt(n1) / 2))


def _notch(w0: Tensor, q: Tensor, matched: bool) -> Tensor:
    cos, one = torch.cos(w0), torch.ones_like(w0)
    if not matched:
        return _bilinear(w0, q, one, -2 * cos, one)
    p = _Poles(w0, 1 / (2 * q))
    b = p.d0 / (4 * torch.sin(w0 / 2) ** 2)
    return p.with_zeros(b, -2 * b * cos, b)


def _all_pass(w0: Tensor, q: Tensor, matched: bool) -> Tensor:
    alpha = (w0 if matched else torch.sin(w0)) / (2 * q)
    cos = torch.cos(w0)
    return _section(1 - alpha, -2 * cos, 1 + alpha, 1 + alpha, -2 * cos, 1 - alpha)


def _low_pass_first_order(w0: Tensor, matched: bool) -> Tensor:
    zero, one = torch.zeros_like(w0), torch.ones_like(w0)
    if not matched:
        n = torch.tan(w0 / 2)
        return _section(n, n, zero, 1 + n, n - 1, zero)
    p, P, phi = torch.exp(-w0), -torch.expm1(-w0), torch.sin(w0 / 2) ** 2
    M = torch.sqrt(P * P + (4 * p * phi - P * P) / (2 * phi))
    return torch.stack([(P + M) / 2, (P - M) / 2, zero, one, -p, zero], -1)


def _high_pass_first_order(w0: Tensor, matched: bool) -> Tensor:
    zero, one = torch.zeros_like(w0), torch.ones_like(w0)
    if not matched:
        n = torch.tan(w0 / 2)
        return _section(one, -one, zero, 1 + n, n - 1, zero)
    p, P, phi = torch.exp(-w0), -torch.expm1(-w0), torch.sin(w0 / 2) ** 2
    b = torch.sqrt((P * P + 4 * p * phi) / (8 * phi))
    return torch.stack([b, -b, zero, one, -p, zero], -1)


EQUATIONS: dict[str, Callable[..., Tensor]] = {
    "peak": _peak,
    "low_shelf": _low_shelf,
    "high_shelf": _high_shelf,
    "low_pass": _low_pass,
    "high_pass": _high_pass,
    "band_pass": _band_pass,
    "notch": _notch,
    "all_pass": _all_pass,
    "low_pass_first_order": _low_pass_first_order,
    "high_pass_first_order": _high_pass_first_order,
}
"""By kind: from w0 in radians per sample, q and gain_db, where the kind has them, and whether matched, to (..., 6)."""
