"""Pan laws: gains of left and right for a position between them."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

PanLaw = Literal["constant_power", "linear", "-4.5 dB"]
PAN_LAWS: tuple[PanLaw, ...] = ("constant_power", "linear", "-4.5 dB")

_CENTRE = {"constant_power": math.sqrt(0.5), "linear": 0.5, "-4.5 dB": math.sqrt(0.5 * math.sqrt(0.5))}


def pan_gains(pan: Tensor, law: PanLaw = "constant_power") -> tuple[Tensor, Tensor]:
    """Gains of left and right, 0 .. 1, at a position; at either end the far side is exactly 0.

    With u = (1 - pan) / 2 for left and (1 + pan) / 2 for right: ``constant_power`` is sin(pi u / 2), whose squares sum
    to 1 (-3.01 dB in the centre); ``linear`` is u, whose values sum to 1 (-6.02 dB); ``-4.5 dB`` is the geometric mean
    of the two.

    Args:
        pan: -1 (left) .. 1 (right), any shape.
        law: one of ``PAN_LAWS``.

    References:
        V. Pulkki, T. Lokki, D. Rocchesso, "Spatial effects", in U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd
        ed., Wiley 2011, chapter 5.
    """
    return _gain(0.5 * (1 - pan), law), _gain(0.5 * (1 + pan), law)


def place(x: Tensor, position: Tensor, law: PanLaw = "constant_power") -> Tensor:
    """Place a mono signal, or balance the sides of a stereo one, between left and right.

    Mono: L = g_L x, R = g_R x. Stereo: L = g_L L / c, R = g_R R / c with c the gain of the law in the centre, so that
    the centre changes nothing.

    Args:
        x: (B, 1 or 2, T).
        position: -1 (left) .. 1 (right), (B, 1, 1 or T).
        law: one of ``PAN_LAWS``.

    Returns:
        (B, 2, T).
    """
    gains = torch.cat(pan_gains(position.to(x.dtype), law), 1)
    return x * (gains if x.shape[1] == 1 else gains / _CENTRE[law])


def _gain(u: Tensor, law: PanLaw) -> Tensor:
    if law == "constant_power":
        return torch.sin(0.5 * math.pi * u)
    if law == "linear":
        return u
    # sqrt(u sin(pi u / 2)), with the square root where it has a slope: sinc is positive all the way.
    return u * torch.sqrt(0.5 * math.pi * torch.sinc(0.5 * u))
