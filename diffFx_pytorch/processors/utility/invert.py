"""Polarity."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...params import EffectParam
from ...processor import Processor, State


class Invert(Processor):
    """Polarity: y = (1 - 2 amount) x, so 1 turns the signal over, 0 leaves it, and half way it is silent."""

    words = ("turns {amount:share} of the way to the opposite polarity",)
    params = {"amount": EffectParam(0.0, 1.0, 1.0, doc="1 inverts the polarity, 0 leaves it, 0.5 is silence.")}
    neutral = {"amount": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd", "memoryless"}

    def process(self, x: Tensor, state: State, *, amount: Tensor) -> tuple[Tensor, State]:
        """Multiply by 1 - 2 amount."""
        return x * (1 - 2 * amount), state

    def curve(self, *, amount: Tensor) -> Curve:
        """Output over input, sample by sample."""
        x = torch.linspace(-1.0, 1.0, 101, dtype=torch.float64)
        return Curve(x, (1 - 2 * amount[0, 0, 0]) * x, "input", "output", title="Invert")
