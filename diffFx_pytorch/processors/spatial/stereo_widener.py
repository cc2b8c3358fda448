"""Stereo width."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...params import EffectParam
from ...processor import Processor, State


class StereoWidener(Processor):
    """Width of a stereo image: L = M + w S, R = M - w S, with M = (L + R) / 2 and S = (L - R) / 2.

    1 leaves the image, 0 is mono at the level that mono had, 2 doubles the sides. The mid, and so the mono sum, is the
    same at every width.

    References:
        A. D. Blumlein, British Patent 394 325, 1931 (sum and difference).
    """

    words = ("sets the width of the image to {width}, 1 being as it is",)
    params = {"width": EffectParam(0.0, 2.0, 1.0, doc="0 is mono, 1 the image as it is, 2 twice the sides.")}
    neutral = {"width": 1.0}
    traits = {"linear", "time_invariant", "causal", "odd", "memoryless"}
    channels = (2,)
    crosses_channels = True

    def process(self, x: Tensor, state: State, *, width: Tensor) -> tuple[Tensor, State]:
        """Add what the sides gain or lose, which at width 1 is exactly nothing."""
        left, right = x[:, :1], x[:, 1:]
        change = (width - 1) * (0.5 * (left - right))
        return torch.cat((left + change, right - change), 1), state

    def curve(self, *, width: Tensor) -> Curve:
        """Sides over mid of what comes out, over that of what comes in: -1 is all left, 0 the centre, 1 all right."""
        place = torch.linspace(-1.0, 1.0, 201, dtype=torch.float64)
        return Curve(place, width[0, 0, 0] * place, "place before", "place after", title="StereoWidener")
