"""Width by delay."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import amp_to_db
from ...options import Choice
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import delay_line
from ..choices import INTERPOLATION


class StereoEnhancer(Processor):
    """Width by the precedence effect: one side is heard later, y[n] = (1 - mix) x[n] + mix x(n - d).

    Under about 35 ms a delayed side is not heard as an echo; the image moves to the earlier side and becomes wide. A
    mono input goes to both sides first. At a mix between 0 and 1 the delayed side combs; so does the mono sum at any,
    which is the price of the effect (the sum of the sides is worth a listen).

    References:
        H. Haas, "The influence of a single echo on the audibility of speech", J. Audio Eng. Soc. 20(2), 1972.
    """

    words = ("widens by a delay of {delay_ms} on one side",)
    params = {
        "delay_ms": EffectParam(1.0, 40.0, 15.0, "log", "ms", search="echo", doc="Delay of one side."),
        "mix": EffectParam(0.0, 1.0, 1.0, doc="Share of the delayed sound on the delayed side."),
    }
    options = {"side": Choice("right", "left", doc="The delayed side."), "interpolation": INTERPOLATION}
    neutral = {"mix": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd"}
    channels = (1, 2)
    channels_out = 2
    exempt = {"gradients:delay_ms": "the slope of an interpolated read jumps at whole samples; right between them"}
    variants = ({}, {"side": "left", "interpolation": "linear"})

    def prepare(self) -> None:
        """The length of the line."""
        self._longest = math.ceil(self.params["delay_ms"].max_val * self.sample_rate / 1000) + 1

    def process(self, x: Tensor, state: State, *, delay_ms: Tensor, mix: Tensor) -> tuple[Tensor, State]:
        """Delay one side; the state is its delay line."""
        x = x.expand(-1, 2, -1)
        first, second = (x[:, :1], x[:, 1:]) if self.side == "right" else (x[:, 1:], x[:, :1])
        delayed, state = delay_line(
            second,
            delay_ms.double() * (self.sample_rate / 1000),
            interpolation=self.interpolation,
            max_delay=self._longest,
            zi=state,
            return_zf=True,
        )
        second = (1 - mix) * second + mix * delayed
        return torch.cat((first, second) if self.side == "right" else (second, first), 1), state

    def tail(self, *, delay_ms: Tensor, mix: Tensor) -> Tensor:
        """The delay."""
        return delay_ms.amax(-1, keepdim=True) / 1000 + 16 / self.sample_rate

    def curve(self, *, delay_ms: Tensor, mix: Tensor) -> Curve:
        """Level of the mono sum over frequency, which combs."""
        frequency = torch.logspace(math.log10(20), math.log10(min(20000.0, 0.49 * self.sample_rate)), 2000).double()
        turn = torch.polar(torch.ones_like(frequency), -2e-3 * math.pi * frequency * delay_ms[0, 0, 0].double())
        level = amp_to_db((1 + 0.5 * mix[0, 0, 0].double() * (turn - 1)).abs(), -60.0)
        return Curve(frequency, level, "frequency (Hz)", "mono sum (dB)", True, "StereoEnhancer")
