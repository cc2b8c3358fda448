r"""Second-order filter designs: pure, differentiable, in float64.

Every function maps frequency, Q and gain, numbers or tensors that broadcast, to a section [b0 b1 b2 a0 a1 a2] with
a0 = 1, of shape (..., 6), for `diffFx_pytorch.recursion.sosfilt` (or, through `sos_to_svf`, for `svfilt`). Values and
gradients are finite for 20 Hz .. 0.49 sample_rate, Q 0.1 .. 10, -24 .. 24 dB, at 8 .. 192 kHz.

``design="bilinear"`` is the RBJ cookbook. ``design="matched"`` follows the magnitude of the analogue prototype up to
Nyquist: the poles are the sampled analogue poles (impulse invariance), and the zeros are solved for.

With :math:`\varphi = \sin^2(\omega/2)`, the squared magnitude of 1 + a1/z + a2/z^2 is a quadratic in it. For poles at
:math:`\omega_0` and damping :math:`\zeta = 1/2Q`, that is a1 = -2 e c, a2 = e^2, e = exp(-zeta w0),
c = cos(sqrt(1 - zeta^2) w0), it is :math:`16 e^2 D`, with

.. math:: D(\varphi) = \varphi^2 + 2 d_1 \varphi + d_0^2, \quad d_0 = S + s, \quad d_1 = S - s - 2 s S, \quad
    S = \sinh^2(\zeta \omega_0 / 2), \quad s = \sin^2(\sqrt{1 - \zeta^2} \omega_0 / 2)

which loses no digits at low frequencies. Zeros follow from a quadratic N likewise, by its values at DC and Nyquist and
its curvature. All magnitudes below are ratios N / D.

Two poles and two zeros cannot follow every prototype: what the analogue filter does over Nyquist has no place. Largest
distance in dB from its magnitude up to 20 kHz, at 44.1 kHz and a gain of +-12 dB, by frequency over the sample rate:

    ==============  ====  ====  ====  ====
    filter          0.1   0.25  0.4   0.49
    ==============  ====  ====  ====  ====
    peak, Q 0.7     0.6   1.9   0.9   2.2
    peak, Q 2       0.1   0.7   1.5   3.2
    peak, Q 5       0.0   0.1   1.0   3.1
    shelf, Q 0.7    0.0   0.4   0.8   0.9
    shelf, Q 2      0.5   1.0   2.1   2.0
    shelf, Q 5      1.0   3.3   7.7   7.1
    ==============  ====  ====  ====  ====

References:
    M. Vicanek, "Matched second order digital filters", 2016.
    M. Vicanek, "Matched one-pole digital shelving filters", 2019.
    R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from .levels import db_to_amp, decay_seconds

Design = Literal["matched", "bilinear"]
Value = Tensor | float


def _arguments(design: str, sample_rate: float, freq_hz: Value, *values: Value) -> list[Tensor]:
    """Angular frequency w0 in radians per sample and the other values, float64, broadcast."""
    if design not in ("matched", "bilinear"):
        raise ValueError(f'design must be "matched" or "bilinear", got {design!r}.')
    if not sample_rate > 0:
        raise ValueError(f"sample_rate must be a positive number of Hz, got {sample_rate}.")
    given = (freq_hz, *values)
    device = next((v.device for v in given if isinstance(v, Tensor) and v.ndim), None)
    freq, *others = torch.broadcast_tensors(*(torch.as_tensor(v, dtype=torch.float64, device=device) for v in given))
    return [2 * math.pi / sample_rate * freq, *others]


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


def peak(freq_hz: Value, q: Value, gain_db: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """Peak (bell): ``gain_db`` at ``freq_hz``, unity at DC; at 0 dB exactly the identity.

    The analogue prototype is (s^2 + s A/Q + 1) / (s^2 + s/(A Q) + 1), A = 10^(gain_db / 40).

    Args:
        freq_hz: centre, 20 Hz .. 0.49 sample_rate.
        q: quality, 0.1 .. 10.
        gain_db: gain at the centre, -24 .. 24 dB.
        sample_rate: in Hz.
        design: "matched" or "bilinear".

    Returns:
        Section (..., 6), float64.

    Raises:
        ValueError: unknown design.
    """
    w0, q, gain_db = _arguments(design, sample_rate, freq_hz, q, gain_db)
    A = db_to_amp(gain_db / 2)
    if design == "bilinear":
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


def low_shelf(freq_hz: Value, q: Value, gain_db: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """Low shelf: ``gain_db`` at DC, half of it (in dB) at ``freq_hz``, unity far above; at 0 dB exactly the identity.

    The analogue prototype is A (s^2 + s sqrt(A)/Q + A) / (A s^2 + s sqrt(A)/Q + 1), A = 10^(gain_db / 40). The matched
    design has the analogue gain at DC and Nyquist; a cut is the exact inverse of the boost.

    Arguments as `peak`: ``freq_hz`` is the middle of the slope, ``gain_db`` the gain at DC; a ``q`` of 0.7071 is the
    steepest without ripple.
    """
    w0, q, gain_db = _arguments(design, sample_rate, freq_hz, q, gain_db)
    if design == "bilinear":
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


def high_shelf(freq_hz: Value, q: Value, gain_db: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """High shelf: ``gain_db`` far above ``freq_hz``, half of it (in dB) there, unity at DC; at 0 dB the identity.

    It is a low shelf of the opposite gain, raised by ``gain_db``; as analogue prototype as in the bilinear design.
    Arguments as `low_shelf`; ``gain_db`` is the gain far above ``freq_hz``.
    """
    gain_db = torch.as_tensor(gain_db, dtype=torch.float64)
    shelf = low_shelf(freq_hz, q, -gain_db, sample_rate, design)
    raised = db_to_amp(gain_db.to(shelf.device))
    return torch.cat([raised[..., None] * shelf[..., :3], shelf[..., 3:]], -1)


def low_pass(freq_hz: Value, q: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """Low-pass 1 / (s^2 + s/Q + 1): unity at DC, gain Q at ``freq_hz``.

    Args:
        freq_hz: corner, 20 Hz .. 0.49 sample_rate.
        q: quality, 0.1 .. 10; 0.7071 is Butterworth.
        sample_rate: in Hz.
        design: "matched" or "bilinear".

    Returns:
        Section (..., 6), float64.

    Raises:
        ValueError: unknown design.
    """
    w0, q = _arguments(design, sample_rate, freq_hz, q)
    phi = torch.sin(w0 / 2) ** 2
    if design == "bilinear":
        return _bilinear(w0, q, phi, 2 * phi, phi)
    p = _Poles(w0, 1 / (2 * q))
    M = torch.sqrt(p.d0**2 + (q * q * p.D(phi) - p.d0**2) / phi)
    return p.with_zeros((p.d0 + M) / 2, (p.d0 - M) / 2, torch.zeros_like(M))


def high_pass(freq_hz: Value, q: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """High-pass s^2 / (s^2 + s/Q + 1): zero at DC, gain Q at ``freq_hz``. Arguments as `low_pass`."""
    w0, q = _arguments(design, sample_rate, freq_hz, q)
    phi = torch.sin(w0 / 2) ** 2
    if design == "bilinear":
        return _bilinear(w0, q, 1 - phi, -2 * (1 - phi), 1 - phi)
    p = _Poles(w0, 1 / (2 * q))
    b = q * torch.sqrt(p.D(phi)) / (4 * phi)
    return p.with_zeros(b, -2 * b, b)


def band_pass(freq_hz: Value, q: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """Band-pass (s/Q) / (s^2 + s/Q + 1): unity at ``freq_hz``, zero at DC. Arguments as `low_pass`."""
    w0, q = _arguments(design, sample_rate, freq_hz, q)
    if design == "bilinear":
        alpha = torch.sin(w0) / (2 * q)
        return _bilinear(w0, q, alpha, torch.zeros_like(w0), -alpha)
    p, phi = _Poles(w0, 1 / (2 * q)), torch.sin(w0 / 2) ** 2
    # N = D less the notch: n1 phi + n2 phi^2, with value and slope of D at the centre.
    n1 = 2 * p.d1 + 2 * p.d0**2 / phi
    M = torch.sqrt(n1 + 1 - (p.d0 / phi) ** 2)
    return p.with_zeros(*_zeros(torch.zeros_like(M), M, torch.sqrt(n1) / 2))


def notch(freq_hz: Value, q: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """Notch (s^2 + 1) / (s^2 + s/Q + 1): zero at ``freq_hz``, unity at DC. Arguments as `low_pass`."""
    w0, q = _arguments(design, sample_rate, freq_hz, q)
    cos, one = torch.cos(w0), torch.ones_like(w0)
    if design == "bilinear":
        return _bilinear(w0, q, one, -2 * cos, one)
    p = _Poles(w0, 1 / (2 * q))
    b = p.d0 / (4 * torch.sin(w0 / 2) ** 2)
    return p.with_zeros(b, -2 * b * cos, b)


def all_pass(freq_hz: Value, q: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """All-pass (s^2 - s/Q + 1) / (s^2 + s/Q + 1): half a turn of phase at ``freq_hz``. Arguments as `low_pass`.

    The matched design has the analogue group delay at ``freq_hz`` too: the bilinear map stretches the frequency axis
    there by sin(w0) / w0, so Q is taken times that.
    """
    w0, q = _arguments(design, sample_rate, freq_hz, q)
    alpha = (w0 if design == "matched" else torch.sin(w0)) / (2 * q)
    cos = torch.cos(w0)
    return _section(1 - alpha, -2 * cos, 1 + alpha, 1 + alpha, -2 * cos, 1 - alpha)


def low_pass_first_order(freq_hz: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """First-order low-pass 1 / (s + 1) as a section with b2 = a2 = 0. Arguments as `low_pass`."""
    (w0,) = _arguments(design, sample_rate, freq_hz)
    zero, one = torch.zeros_like(w0), torch.ones_like(w0)
    if design == "bilinear":
        n = torch.tan(w0 / 2)
        return _section(n, n, zero, 1 + n, n - 1, zero)
    p, P, phi = torch.exp(-w0), -torch.expm1(-w0), torch.sin(w0 / 2) ** 2
    M = torch.sqrt(P * P + (4 * p * phi - P * P) / (2 * phi))
    return torch.stack([(P + M) / 2, (P - M) / 2, zero, one, -p, zero], -1)


def high_pass_first_order(freq_hz: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """First-order high-pass s / (s + 1) as a section with b2 = a2 = 0. Arguments as `low_pass`."""
    (w0,) = _arguments(design, sample_rate, freq_hz)
    zero, one = torch.zeros_like(w0), torch.ones_like(w0)
    if design == "bilinear":
        n = torch.tan(w0 / 2)
        return _section(one, -one, zero, 1 + n, n - 1, zero)
    p, P, phi = torch.exp(-w0), -torch.expm1(-w0), torch.sin(w0 / 2) ** 2
    b = torch.sqrt((P * P + 4 * p * phi) / (8 * phi))
    return torch.stack([b, -b, zero, one, -p, zero], -1)


def butterworth_qs(order: int) -> tuple[float, ...]:
    """Q of each second-order section of a Butterworth filter, rising; an odd order has a first-order one besides."""
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}.")
    return tuple(1 / (2 * math.cos(math.pi * (2 * k + 1 + order % 2) / (2 * order))) for k in range(order // 2))


def butterworth(
    kind: Literal["low_pass", "high_pass"],
    freq_hz: Value,
    slope_db_per_octave: int,
    sample_rate: float,
    design: Design = "matched",
) -> Tensor:
    """Butterworth low- or high-pass as sections (..., K, 6): -3 dB at ``freq_hz``.

    Args:
        kind: "low_pass" or "high_pass".
        freq_hz: corner in Hz, 20 .. 0.49 sample_rate.
        slope_db_per_octave: 6 times the order: 6, 12, 18, 24, ..., 48, ...
        sample_rate: in Hz.
        design: "matched" or "bilinear".

    Raises:
        ValueError: unknown kind or design, or a slope that is no multiple of 6.
    """
    if kind not in ("low_pass", "high_pass"):
        raise ValueError(f'kind must be "low_pass" or "high_pass", got {kind!r}.')
    if slope_db_per_octave < 6 or slope_db_per_octave % 6:
        raise ValueError(f"slope_db_per_octave must be 6, 12, 18, 24, ..., got {slope_db_per_octave}.")
    order = slope_db_per_octave // 6
    low = kind == "low_pass"
    second, first = (low_pass, low_pass_first_order) if low else (high_pass, high_pass_first_order)
    sections = [second(freq_hz, q, sample_rate, design) for q in butterworth_qs(order)]
    if order % 2:
        sections.insert(0, first(freq_hz, sample_rate, design))
    return torch.stack(sections, -2)


def ring_seconds(sos: Tensor, sample_rate: float, decay_db: float = 60.0) -> Tensor:
    """Seconds until the slower pole of each section has decayed by ``decay_db``.

    The poles are the roots of z^2 + a1 z + a2: of radius sqrt(a2) where complex, else the larger of two real ones.

    Args:
        sos: sections [b0 b1 b2 a0 a1 a2] (..., 6), stable.
        sample_rate: in Hz.
        decay_db: decay in dB.

    Returns:
        Seconds (...), float64, at most an hour.
    """
    a1, a2 = (sos.double()[..., i] / sos.double()[..., 3] for i in (4, 5))
    discriminant = a1 * a1 / 4 - a2
    real, pair = a1.abs() / 2 + discriminant.clamp_min(0).sqrt(), a2.clamp_min(0).sqrt()
    radius = torch.where(discriminant < 0, pair, real)
    return decay_seconds(radius, 1 / sample_rate, decay_db, 1e-12).clamp_max(3600.0)


def sos_response(sos: Tensor, freqs_hz: Tensor, sample_rate: float) -> Tensor:
    """Complex response of each set of sections at each frequency.

    Args:
        sos: (..., K, 6).
        freqs_hz: (F,), in Hz.
        sample_rate: in Hz.

    Returns:
        (..., F) complex128: the product over the K sections.
    """
    w = 2 * math.pi / sample_rate * freqs_hz.to(dtype=torch.float64)
    z1 = torch.exp(-1j * w)
    c = sos.double()[..., None]
    numerator = c[..., 0, :] + c[..., 1, :] * z1 + c[..., 2, :] * z1 * z1
    denominator = c[..., 3, :] + c[..., 4, :] * z1 + c[..., 5, :] * z1 * z1
    return (numerator / denominator).prod(-2)
