"""Equations without memory, run over pieces of the signal that stay in the cache."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..control import can_look_at

_TILE = 32768


def is_known(value: Tensor) -> bool:
    """Whether a value can be read now and nobody asks for its derivative, so that an equation may depend on what it is.

    A value of its own tells of all others only if nothing traces or maps it; see ``can_look_at``.
    """
    return (
        can_look_at(value)
        and not (value.requires_grad and torch.is_grad_enabled())
        and forward_ad.unpack_dual(value).tangent is None
    )


def all_equal(value: Tensor, number: float) -> bool:
    """Whether a constant knob is known to stand at ``number`` for every item."""
    return value.shape[-1] == 1 and is_known(value) and bool((value == number).all())


def in_tiles(equation: Callable[..., Tensor], level: Tensor, x: Tensor, *knobs: Tensor) -> Tensor:
    """``level * equation(x, *knobs)``, elementwise and without a graph, in one pass over memory.

    Every operation over a long signal reads and writes all of it; over a piece at a time that happens in the cache.

    Args:
        equation: elementwise; its output has the shape of x.
        level: (..., 1) or (..., T), like the knobs.
        x: (..., T).
        knobs: (..., 1) or (..., T), broadcasting with x.

    Returns:
        (..., T).
    """
    T = x.shape[-1]
    y = torch.empty_like(x)
    with torch.no_grad():
        for start in range(0, T, _TILE):
            piece = slice(start, start + _TILE)
            louder, *now = (k if k.shape[-1] == 1 else k[..., piece] for k in (level, *knobs))
            torch.mul(equation(x[..., piece], *now), louder, out=y[..., piece])
    return y
