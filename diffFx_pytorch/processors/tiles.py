"""Equations run over pieces of the signal that stay in the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..control import can_look_at
from ..processor import State

_TILE = 1 << 18
"""Elements of a piece: small beside a second-level cache, large beside the calls it takes."""

_SHORTEST = 4096


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


def in_tiles(equation: Callable[..., Tensor], x: Tensor, mix: Tensor, level: Tensor, *knobs: Tensor) -> Tensor:
    """``level * lerp(x, equation(x, *knobs), mix)``, elementwise and without a graph, in one pass over memory.

    Every operation over a long signal reads and writes all of it; over a piece at a time that happens in the cache.

    Args:
        equation: elementwise; its output has the shape of x.
        x: (..., T).
        mix: of x, 0, and what the equation gives, 1; (..., 1) or (..., T), like the knobs.
        level: of the mixture, an amplitude.
        knobs: (..., 1) or (..., T), broadcasting with x.

    Returns:
        (..., T).
    """
    T = x.shape[-1]
    length = max(_TILE * T // x.numel(), _SHORTEST)
    y = torch.empty_like(x)
    is_wet = all_equal(mix, 1.0)
    with torch.no_grad():
        for start in range(0, T, length):
            piece = slice(start, start + length)
            weight, louder, *now = (k if k.shape[-1] == 1 else k[..., piece] for k in (mix, level, *knobs))
            dry = x[..., piece]
            wet = equation(dry, *now)
            torch.mul(wet if is_wet else torch.lerp(dry, wet, weight), louder, out=y[..., piece])
    return y


def in_pieces(
    process: Callable[..., tuple[Tensor, State]],
    x: Tensor,
    state: State,
    coefficients: Mapping[str, Tensor],
    elements: int = _TILE,
) -> tuple[Tensor, State]:
    """``process(x, state, **coefficients)``, of a long signal piece by piece where nobody asks for a derivative.

    Blocks are the whole, and what one operation hands to the next then stays in the cache.

    Args:
        process: of an effect, causal; its output is as long as its input.
        x: (B, C, T).
        state: as process takes it.
        coefficients: (..., 1) or (..., T).
        elements: of a piece; more where a call costs much, as one does that copies a long state.

    Returns:
        As process returns it.
    """
    if not all(map(is_known, (x, *coefficients.values()))):
        return process(x, state, **coefficients)
    T = x.shape[-1]
    length = max(elements * T // x.numel(), _SHORTEST)
    if 2 * length >= T:
        return process(x, state, **coefficients)
    y = None
    for start in range(0, T, length):
        piece = slice(start, start + length)
        now = {name: c if c.shape[-1] == 1 else c[..., piece] for name, c in coefficients.items()}
        part, state = process(x[..., piece], state, **now)
        y = part.new_empty((*part.shape[:-1], T)) if y is None else y
        y[..., piece] = part
    assert y is not None
    return y, state
