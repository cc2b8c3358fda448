"""Stereo width."""

from __future__ import annotations

from torch import Tensor

from ...dsp.mid_side import to_mid_side
from ...params import EffectParam
from ...processor import Processor, State


class StereoWidener(Processor):
    """Width of a stereo image: L = M + w S, R = M - w S, with M = (L + R) / 2 and S = (L - R) / 2.

    1 leaves the image, 0 is mono at the level that mono had, 2 doubles the sides. The mid, and so the mono sum, is the
    same at every width.

    References:
        A. D. Blumlein, British Patent 394 325, 1931 (sum and difference).
    """

    params = {"width": EffectParam(0.0, 2.0, 1.0, doc="0 is mono, 1 the image as it is, 2 twice the sides.")}
    neutral = {"width": 1.0}
    traits = {"linear", "time_invariant", "causal", "odd", "memoryless"}
    channels = (2,)
    crosses_channels = True

    def process(self, x: Tensor, state: State, *, width: Tensor) -> tuple[Tensor, State]:
        """Add what the sides gain or lose, which at width 1 is exactly nothing."""
        _, side = to_mid_side(x)
        change = (width - 1) * side
        return x + change * change.new_tensor([[1.0], [-1.0]]), state
