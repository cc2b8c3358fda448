"""Placing between left and right."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import amp_to_db
from ...dsp.panning import pan_gains, place
from ...params import EffectParam
from ...processor import Processor, State
from ..choices import LAW


class StereoPanning(Processor):
    """Placement between left and right: L = g(u) x, R = g(1 - u) x, u = (1 - pan) / 2.

    - ``constant_power``: g = sin(pi u / 2). The power of both sides sums to that of the input at every position, with
      -3.01 dB a side in the centre.
    - ``linear``: g = u. The sides sum to the input, with -6.02 dB a side in the centre.
    - ``-4.5 dB``: g = sqrt(u sin(pi u / 2)), half way between the two.

    Mono in, stereo out. Of a stereo input the sides are balanced: each gets its gain over that of the centre, so that
    the centre is neutral and the near side rises by 3.01 (6.02, 4.5) dB towards its end. With constant power, sides of
    equal power keep their sum.

    """

    words = ("puts it {pan:side}",)
    params = {"pan": EffectParam(-1.0, 1.0, 0.0, doc="-1 is left, 0 the centre, 1 right.")}
    options = {"law": LAW}
    neutral = {"pan": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd", "memoryless"}
    channels = (1, 2)
    channels_out = 2
    variants = tuple({"law": law} for law in LAW.values)

    def process(self, x: Tensor, state: State, *, pan: Tensor) -> tuple[Tensor, State]:
        """Each side at its gain."""
        return place(x, pan, self.law), state

    def curve(self, *, pan: Tensor) -> Curve:
        """Level of the left side over the position, for a mono input."""
        position = torch.linspace(-1, 1, 201, dtype=torch.float64)
        left, _ = pan_gains(position, self.law)
        return Curve(position, amp_to_db(left, -60.0), "pan", "level of left (dB)", title=f"StereoPanning, {self.law}")
