"""Width by delay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from ...params import EffectParam
from ...processor import Processor, State
from ...recursion.ops.delay_line import delay_line

Side = Literal["left", "right"]


class StereoEnhancer(Processor):
    """Width by the precedence effect: one side is heard later, y[n] = (1 - mix) x[n] + mix x(n - d).

    Under about 35 ms a delayed side is not heard as an echo; the image moves to the earlier side and becomes wide. A
    mono input goes to both sides first. At a mix between 0 and 1 the delayed side combs; so does the mono sum at any,
    which is the price of the effect (the sum of the sides is worth a listen).

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        side: "left" or "right", the one that is delayed.
        interpolation: between samples: "linear", "cubic", "lagrange" or "sinc".

    Raises:
        ValueError: for an unknown side or interpolation.

    References:
        H. Haas, "The influence of a single echo on the audibility of speech", J. Audio Eng. Soc. 20(2), 1972.
    """

    params = {
        "delay_ms": EffectParam(1.0, 40.0, 15.0, "log", "ms", doc="How much later one side is."),
        "mix": EffectParam(0.0, 1.0, 1.0, doc="Share of the delayed sound on the delayed side."),
    }
    neutral = {"mix": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd"}
    channels = (1, 2)
    channels_out = 2
    exempt = {"gradients:delay_ms": "the slope of an interpolated read jumps at whole samples; right between them"}
    variants = ({}, {"side": "left", "interpolation": "linear"})

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        side: Side = "right",
        interpolation: str = "lagrange",
    ) -> None:
        super().__init__(sample_rate, param_range)
        if side not in ("left", "right"):
            raise ValueError(f"StereoEnhancer: side must be 'left' or 'right', got {side!r}")
        legal = ("linear", "cubic", "lagrange", "sinc")
        if interpolation not in legal:
            raise ValueError(f"StereoEnhancer: interpolation must be one of {', '.join(legal)}, got {interpolation!r}")
        self.side: Side = side
        self.interpolation = interpolation
        self._longest = math.ceil(self.params["delay_ms"].max_val * sample_rate / 1000) + 1

    def process(self, x: Tensor, state: State, *, delay_ms: Tensor, mix: Tensor) -> tuple[Tensor, State]:
        """Delay one side; the state is its delay line."""
        x = x.expand(-1, 2, -1)
        kept, moved = (x[:, :1], x[:, 1:]) if self.side == "right" else (x[:, 1:], x[:, :1])
        late, state = delay_line(
            moved,
            delay_ms.double() * (self.sample_rate / 1000),
            interpolation=self.interpolation,
            max_delay=self._longest,
            zi=state,
            return_zf=True,
        )
        moved = (1 - mix) * moved + mix * late
        return torch.cat((kept, moved) if self.side == "right" else (moved, kept), 1), state

    def tail(self, *, delay_ms: Tensor, mix: Tensor) -> Tensor:
        """The delay."""
        return delay_ms.amax(-1, keepdim=True) / 1000 + 16 / self.sample_rate
