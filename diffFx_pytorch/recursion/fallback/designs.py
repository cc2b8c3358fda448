"""Time-varying sections from the coefficients that users give, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from .moving import MovingDesign, Products
from .sections import (
    moving_rotating_matrices,
    rotating_input,
    rotating_matrices,
    rotation,
    svf_input,
    svf_matrices,
)


def over_a0(sos: Tensor) -> Tensor:
    """Sections b0 b1 b2 a0 a1 a2 (..., 6) as b0 b1 b2 a1 a2 (..., 5)."""
    return torch.cat([sos[..., :3], sos[..., 4:]], -1) / sos[..., 3:4]


def _sections_gradient(sos: Tensor, products: Products) -> Tensor:
    """By the formulas of `moving_rotating_matrices` for constant k and h, then of the division by a0."""
    wide, dtype = over_a0(sos[:, 1:]), products.x.dtype
    k, h = (t.to(dtype) for t in rotation(*wide[..., 3:].unbind(-1))[:2])
    coef = wide.to(dtype)
    del wide
    b0, b1, b2, a1, a2 = coef.unbind(-1)
    to_turn, to_n2 = products.M(1, 0) / h, products.N(1) / h
    to_n1 = torch.addcmul(products.N(0), k, to_n2)
    to_a1 = -torch.addcmul(torch.addcmul(products.M(0, 0), k, to_turn), b0, to_n1)
    to_a2 = -torch.addcmul(to_turn, b0, to_n2)
    to_b0 = products.D().addcmul_(a1, to_n1, value=-1).addcmul_(a2, to_n2, value=-1)
    to_a0 = -(b0 * to_b0).addcmul_(b1, to_n1).addcmul_(b2, to_n2).addcmul_(a1, to_a1).addcmul_(a2, to_a2)
    return torch.stack([to_b0, to_n1, to_n2, to_a0, to_a1, to_a2], 1).div_(sos[:, None, 1:, 3].to(coef.dtype))


def _svf_gradient(svf: Tensor, products: Products) -> Tensor:
    """By the formulas of `svf_matrices`."""
    g, r, h, b, low = svf[:, 1:].to(products.x.dtype).unbind(-1)
    d = 1 / torch.addcmul(torch.ones_like(g), g, g + r)
    a2 = g * d
    a3 = g * a2
    m1, m2 = torch.addcmul(b, r, h, value=-1), low - h
    to_p, to_d = -2 * products.M(0, 0), products.C(0)
    c0, c1, through = to_d, products.C(1), products.D()
    to_m1 = (c0 * d).addcmul_(through - c1, a2)
    to_m2 = torch.addcmul(c1, c0, a2).addcmul_(through - c1, a3)
    to_a2 = 2 * (products.N(0) - products.M(0, 1) + products.M(1, 0))
    to_a2.addcmul_(c0, m2).addcmul_(through - c1, m1).addcmul_(to_p, g + r)
    to_a3 = 2 * (products.N(1) - products.M(1, 1))
    to_a3.addcmul_(through - c1, m2)
    to_a2.addcmul_(to_a3, g)
    to_d = (c0 * m1).addcmul_(to_a2, g).mul_(d).mul_(-d)
    to_g = (to_p * a2).addcmul_(to_a3, a2).addcmul_(to_a2, d).addcmul_(to_d, 2 * g + r)
    to_r = (to_p * a2).addcmul_(to_d, g).addcmul_(to_m1, h, value=-1)
    to_h = (through - to_m2).addcmul_(to_m1, r, value=-1)
    return torch.stack([to_g, to_r, to_h, to_m1, to_m2], 1)


MOVING_SECTIONS = MovingDesign(
    lambda sos: moving_rotating_matrices(over_a0(sos)),
    lambda sos: rotating_matrices(over_a0(sos)).change,
    lambda sos: rotating_input(over_a0(sos[:, 1:])),
    _sections_gradient,
)
MOVING_SVF = MovingDesign(
    lambda svf: svf_matrices(svf[:, 1:]), lambda _: None, lambda svf: svf_input(svf[:, 1:]), _svf_gradient
)
