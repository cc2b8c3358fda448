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

from diffFx_pytorch.kernels.constants import constant

from .levels import decay_seconds
from .section_design import Design, Value, section_design


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
    return section_design(("peak",), freq_hz, q, gain_db, sample_rate, design)


def low_shelf(freq_hz: Value, q: Value, gain_db: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """Low shelf: ``gain_db`` at DC, half of it (in dB) at ``freq_hz``, unity far above; at 0 dB exactly the identity.

    The analogue prototype is A (s^2 + s sqrt(A)/Q + A) / (A s^2 + s sqrt(A)/Q + 1), A = 10^(gain_db / 40). The matched
    design has the analogue gain at DC and Nyquist; a cut is the exact inverse of the boost.

    Arguments as `peak`: ``freq_hz`` is the middle of the slope, ``gain_db`` the gain at DC; a ``q`` of 0.7071 is the
    steepest without ripple.
    """
    return section_design(("low_shelf",), freq_hz, q, gain_db, sample_rate, design)


def high_shelf(freq_hz: Value, q: Value, gain_db: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """High shelf: ``gain_db`` far above ``freq_hz``, half of it (in dB) there, unity at DC; at 0 dB the identity.

    It is a low shelf of the opposite gain, raised by ``gain_db``; as analogue prototype as in the bilinear design.
    Arguments as `low_shelf`; ``gain_db`` is the gain far above ``freq_hz``.
    """
    return section_design(("high_shelf",), freq_hz, q, gain_db, sample_rate, design)


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
    return section_design(("low_pass",), freq_hz, q, None, sample_rate, design)


def high_pass(freq_hz: Value, q: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """High-pass s^2 / (s^2 + s/Q + 1): zero at DC, gain Q at ``freq_hz``. Arguments as `low_pass`."""
    return section_design(("high_pass",), freq_hz, q, None, sample_rate, design)


def band_pass(freq_hz: Value, q: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """Band-pass (s/Q) / (s^2 + s/Q + 1): unity at ``freq_hz``, zero at DC. Arguments as `low_pass`."""
    return section_design(("band_pass",), freq_hz, q, None, sample_rate, design)


def notch(freq_hz: Value, q: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """Notch (s^2 + 1) / (s^2 + s/Q + 1): zero at ``freq_hz``, unity at DC. Arguments as `low_pass`."""
    return section_design(("notch",), freq_hz, q, None, sample_rate, design)


def all_pass(freq_hz: Value, q: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """All-pass (s^2 - s/Q + 1) / (s^2 + s/Q + 1): half a turn of phase at ``freq_hz``. Arguments as `low_pass`.

    The matched design has the analogue group delay at ``freq_hz`` too: the bilinear map stretches the frequency axis
    there by sin(w0) / w0, so Q is taken times that.
    """
    return section_design(("all_pass",), freq_hz, q, None, sample_rate, design)


def low_pass_first_order(freq_hz: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """First-order low-pass 1 / (s + 1) as a section with b2 = a2 = 0. Arguments as `low_pass`."""
    return section_design(("low_pass_first_order",), freq_hz, None, None, sample_rate, design)


def high_pass_first_order(freq_hz: Value, sample_rate: float, design: Design = "matched") -> Tensor:
    """First-order high-pass s / (s + 1) as a section with b2 = a2 = 0. Arguments as `low_pass`."""
    return section_design(("high_pass_first_order",), freq_hz, None, None, sample_rate, design)


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
    device = None
    if isinstance(freq_hz, Tensor):
        freq_hz, device = freq_hz.unsqueeze(-1), freq_hz.device
    qs = constant((*[1.0] * (order % 2), *butterworth_qs(order)), torch.float64, device)
    kinds = (f"{kind}_first_order",) * (order % 2) + (kind,) * (order // 2)
    return section_design(kinds, freq_hz, qs, None, sample_rate, design)


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


def sos_power(sos: Tensor, phi: Tensor) -> Tensor:
    """Power response of each set of sections, |H|^2, as quotients of polynomials in sin^2(w / 2).

    Args:
        sos: (..., K, 6).
        phi: sin^2(w / 2) of each frequency, (F,).

    Returns:
        (..., F) float64: the product over the K sections.

    References:
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """
    phi = phi.double()
    powers = torch.stack((torch.ones_like(phi), phi, phi.square()))
    numerator, denominator = (_in_phi(sos[..., i : i + 3].double()) @ powers for i in (0, 3))
    return (numerator / denominator).prod(-2)


def _in_phi(c: Tensor) -> Tensor:
    """|c0 + c1 / z + c2 / z^2|^2 of coefficients (..., 3) as a polynomial in sin^2(w / 2), (..., 3)."""
    c0, c1, c2 = c.unbind(-1)
    return torch.stack(((c0 + c1 + c2).square(), -4 * (c0 * c1 + 4 * c0 * c2 + c1 * c2), 16 * c0 * c2), -1)
