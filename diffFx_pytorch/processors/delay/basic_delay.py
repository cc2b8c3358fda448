"""One echo."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...params import EffectParam
from ...processor import State
from .timed import RING_SAMPLES, TimedDelay


class BasicDelay(TimedDelay):
    """One echo: y[n] = (1 - m) x[n] + m x(n - d).

    A delay that moves shifts the pitch, as on tape; one that steps is cross-faded within 8 ms. Used at a mix of 1 it
    aligns one microphone with another.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.5.
    """

    words = ("repeats once after {delay_ms}",)
    time_ms = EffectParam(1.0, 5000.0, 250.0, "log", "ms", search="echo", doc="Time from the sound to its echo.")
    rest = {"mix": EffectParam(0.0, 1.0, 0.5, doc="Share of the echo in the output; 1 is the delayed sound alone.")}
    variants = ({}, {"tempo_bpm": 950.0, "interpolation": "linear"})

    def process(self, x: Tensor, state: State, *, mix: Tensor, **time: Tensor) -> tuple[Tensor, State]:
        """Mix the delayed sound with the input; the state is the line."""
        echo, state = self.echo(x, self.time(time), state)
        return torch.lerp(x, echo, mix), state

    def tail(self, *, mix: Tensor, **time: Tensor) -> Tensor:
        """The delay, and what the interpolation rings."""
        return self.time(time) * self.seconds + RING_SAMPLES / self.sample_rate

    def curve(self, *, mix: Tensor, **time: Tensor) -> Curve:
        """Levels of the sound and its echo over time."""
        seconds, m = float(self.time(time).flatten()[0]) * self.seconds, float(mix.flatten()[0])
        return self.stems([0.0, seconds], [1 - m, m])
