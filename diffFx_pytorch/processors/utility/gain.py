"""Gain."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import db_to_amp
from ...params import EffectParam
from ...processor import Processor, State


class Gain(Processor):
    """Level: y = 10^(gain / 20) x."""

    words = ("{gain_db:raises}",)
    params = {"gain_db": EffectParam(-60.0, 24.0, 0.0, unit="dB", doc="Change of level.")}
    neutral = {"gain_db": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd", "memoryless"}

    def process(self, x: Tensor, state: State, *, gain_db: Tensor) -> tuple[Tensor, State]:
        """Multiply by the gain as an amplitude."""
        return x * db_to_amp(gain_db), None

    def curve(self, *, gain_db: Tensor) -> Curve:
        """Output level over input level."""
        level = torch.linspace(-60.0, 0.0, 121, dtype=torch.float64)
        return Curve(level, level + gain_db[0, 0, 0], "input (dB)", "output (dB)", title="Gain")
