"""Slapback."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...params import EffectParam
from ...processor import State
from ...recursion import one_pole
from .timed import RING_SAMPLES, TimedDelay
from .tone import TONE, highpass_pole, lowpass_pole


class SlapbackDelay(TimedDelay):
    """One short echo, as from a second tape head or the wall of a hall: y[n] = (1 - m) x[n] + m F(x(n - d)).

    F is a one-pole low-pass and a one-pole high-pass, each open exactly at the end of its range, for the tape that
    loses treble and the wall that loses bass.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.6.1: slapback at 25 to 50 ms and
        above, echo from about 50 ms.
    """

    words = ("repeats once after {delay_ms}, above {highpass_hz} and below {lowpass_hz}",)
    time_ms = EffectParam(40.0, 200.0, 110.0, "log", "ms", search="echo", doc="Time from the sound to its echo.")
    note = EffectParam(1 / 16, 0.5, 0.25, "log", "beats", doc="Note length from the sound to its echo; 1 is a quarter.")
    rest = {**TONE, "mix": EffectParam(0.0, 1.0, 0.3, doc="Share of the echo in the output.")}
    variants = ({}, {"tempo_bpm": 470.0, "interpolation": "linear"})

    def process(
        self, x: Tensor, state: State, *, lowpass_hz: Tensor, highpass_hz: Tensor, mix: Tensor, **time: Tensor
    ) -> tuple[Tensor, State]:
        """Mix the filtered echo with the input; the state is the line and the two filters."""
        line, low, high = (None, None, None) if state is None else state
        echo, line = self.echo(x, self.time(time), line)
        pole = lowpass_pole(lowpass_hz, self.sample_rate)
        if pole is not None:
            echo, low = self._smooth(echo, pole, low)
        pole = highpass_pole(highpass_hz, self.sample_rate)
        if pole is not None:
            below, high = self._smooth(echo, pole, high)
            echo = echo - below
        return torch.lerp(x, echo, mix), (line, low, high)

    def tail(self, *, lowpass_hz: Tensor, highpass_hz: Tensor, mix: Tensor, **time: Tensor) -> Tensor:
        """The delay, then the slower filter dies away."""
        lowest = torch.minimum(lowpass_hz, highpass_hz).amin()
        return self.time(time).amax() * self.seconds + 1.1 / lowest + RING_SAMPLES / self.sample_rate

    def curve(self, *, lowpass_hz: Tensor, highpass_hz: Tensor, mix: Tensor, **time: Tensor) -> Curve:
        """Levels of the sound and its echo over time, where the filters pass."""
        seconds, m = float(self.time(time).flatten()[0]) * self.seconds, float(mix.flatten()[0])
        return self.stems([0.0, seconds], [1 - m, m])

    @staticmethod
    def _smooth(x: Tensor, pole: Tensor, start: Tensor | None) -> tuple[Tensor, Tensor]:
        return one_pole(x, pole, start, return_zf=True)
