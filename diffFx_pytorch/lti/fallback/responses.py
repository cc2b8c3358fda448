"""Delays and second-order sections on a circle, in plain torch."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def log_gamma(nfft: int, alias_decay_db: float) -> float:
    """Natural logarithm of the envelope's step: the radius of the circle is 1 / gamma."""
    return -alias_decay_db * math.log(10.0) / (20.0 * nfft)


def circle(nfft: int, alias_decay_db: float, device: torch.device) -> Tensor:
    """z^-1 at the points of the upper half, complex128."""
    angle = torch.arange(nfft // 2 + 1, dtype=torch.float64, device=device) * (-2 * math.pi / nfft)
    return torch.polar(torch.full_like(angle, math.exp(log_gamma(nfft, alias_decay_db))), angle)


def delay_response(delay: Tensor, nfft: int, alias_decay_db: float, dtype: torch.dtype) -> Tensor:
    """z^-m on the circle; the whole part of m is an exact multiple of the circle's step."""
    k = torch.arange(nfft // 2 + 1, device=delay.device)
    whole = delay.floor()
    turns = (whole.long().unsqueeze(-1) * k % nfft).to(torch.float64)
    if delay.is_floating_point():
        turns = turns + (delay - whole).to(torch.float64).unsqueeze(-1) * k
    decay = (delay.to(torch.float64) * log_gamma(nfft, alias_decay_db)).exp().unsqueeze(-1)
    angle = turns * (-2 * math.pi / nfft)
    return torch.polar(decay.expand_as(angle), angle).to(dtype)


def delay_slope(grad: Tensor, response: Tensor, nfft: int, alias_decay_db: float) -> Tensor:
    """Gradient to a delay, in float64: that of z^-m is -ln(z) z^-m."""
    angle = torch.arange(nfft // 2 + 1, dtype=torch.float64, device=grad.device) * (2 * math.pi / nfft)
    along = grad.conj() * response
    level = log_gamma(nfft, alias_decay_db)
    return (along.real * level + along.imag * angle).sum(-1)


def sos_at(sos: Tensor, w: Tensor) -> Tensor:
    """Product of sections (..., S, 6) at points z^-1 = w (M,): (..., M), complex128."""
    s = sos.to(torch.float64).unsqueeze(-1)
    b = s[..., 0, :] + w * (s[..., 1, :] + w * s[..., 2, :])
    a = s[..., 3, :] + w * (s[..., 4, :] + w * s[..., 5, :])
    return (b / a).prod(-2)


def _section_parts(sos: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of each section: powers of w (3, M), the product of the other sections over its denominator, and its ratio."""
    powers = torch.stack([torch.ones_like(w), w, w * w])
    s = sos.to(powers.dtype)
    b, a = s[..., :3] @ powers, s[..., 3:] @ powers
    ratio = b / a
    # Products of those before and those after: dividing by the section itself would be 0 / 0 at its zeros.
    one = torch.ones_like(ratio[..., :1, :])
    before = torch.cat([one, ratio[..., :-1, :]], -2).cumprod(-2)
    after = torch.cat([ratio[..., 1:, :], one], -2).flip(-2).cumprod(-2).flip(-2)
    return powers, before * after / a, ratio


def sos_slope(grad: Tensor, sos: Tensor, nfft: int, alias_decay_db: float) -> Tensor:
    """Gradient to sections (..., S, 6)."""
    powers, others, ratio = _section_parts(sos, circle(nfft, alias_decay_db, sos.device))
    along = grad.to(others.dtype).conj().unsqueeze(-2) * others
    to_b = (along @ powers.mT).real
    to_a = -((along * ratio) @ powers.mT).real
    return torch.cat([to_b, to_a], -1)


def sos_tangent(sos: Tensor, d_sos: Tensor, nfft: int, alias_decay_db: float) -> Tensor:
    """Directional derivative of the product along d_sos (..., S, 6)."""
    powers, others, ratio = _section_parts(sos, circle(nfft, alias_decay_db, sos.device))
    d = d_sos.to(powers.dtype)
    return (others * (d[..., :3] @ powers - ratio * (d[..., 3:] @ powers))).sum(-2)
