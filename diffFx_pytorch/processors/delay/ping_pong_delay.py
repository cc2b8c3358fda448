"""Ping-pong."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import decay_seconds
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import delay_state_length, feedback_delay
from .time import check_interpolation, time_unit
from .tone import TONE, highpass_pole, lowpass_pole

_TIME = EffectParam(10.0, 2000.0, 250.0, "log", "ms", doc="Time from the sound to its first echo, and between echoes.")
_REST = {
    "feedback": EffectParam(0.0, 0.99, 0.5, doc="Level of each echo relative to the one before."),
    **TONE,
    "width": EffectParam(0.0, 1.0, 1.0, doc="0 keeps the echoes in the centre, 1 sends them fully from side to side."),
    "mix": EffectParam(0.0, 1.0, 0.35, doc="Share of the echoes in the output."),
}


class PingPongDelay(Processor):
    """Echoes from side to side: w_L[n] = x[n] + g F(w_R(n - d)), w_R[n] = g F(w_L(n - d)), the echoes w(n - d).

    What enters is the mono signal, or the mean of a stereo one; the first echo sounds on the left at its level, the
    second on the right g below, and so on. Mono in, stereo out; the dry signal keeps its sides. F is the one-pole low-
    and high-pass of ``FeedbackDelay``. ``width`` scales the difference of the echoes; their sum does not depend on it.

    The loop is symmetric: the sum of the two lines is one line with feedback g, their difference one with feedback -g,
    and neither knows of the other; so it costs two plain delay lines.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace; delays must be one sample or longer.
        tempo_bpm: quarter notes a minute; given, the time is a note length, ``delay_beats``.
        interpolation: between samples: "lagrange", "linear", "cubic", "sinc" or "allpass".

    Raises:
        ValueError: for a tempo that is not positive, a range of delays that begins below one sample, or an unknown
            interpolation.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.6.
    """

    neutral = {"mix": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd"}
    channels = (1, 2)
    channels_out = 2
    crosses_channels = True
    variants = ({}, {"tempo_bpm": 950.0, "interpolation": "linear"})

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        tempo_bpm: float | None = None,
        interpolation: str = "lagrange",
    ) -> None:
        unit = time_unit("PingPongDelay", tempo_bpm)
        check_interpolation("PingPongDelay", interpolation)
        time = unit.row("delay", _TIME)
        super().__init__(sample_rate, param_range, params=time | _REST)
        (self._time,) = time
        self._seconds = unit.seconds
        self._longest = unit.longest("PingPongDelay", self.params, self._time, sample_rate)
        self.interpolation = interpolation

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        feedback: Tensor,
        lowpass_hz: Tensor,
        highpass_hz: Tensor,
        width: Tensor,
        mix: Tensor,
        **time: Tensor,
    ) -> tuple[Tensor, State]:
        """Run the lines of the sum and the difference; the state is both."""
        if state is None:
            length = delay_state_length(self._longest, self.interpolation)
            state = x.new_zeros((x.shape[0], 2, length), dtype=torch.float64)
        mono = x.mean(1, keepdim=True)
        echoes, state = feedback_delay(
            mono,
            time[self._time].double() * (self._seconds * self.sample_rate),
            torch.cat([feedback, -feedback], 1),
            lowpass=lowpass_pole(lowpass_hz, self.sample_rate),
            highpass=highpass_pole(highpass_hz, self.sample_rate),
            interpolation=self.interpolation,
            zi=state,
            return_zf=True,
        )
        total, difference = echoes[:, :1], width * echoes[:, 1:]
        sides = torch.cat([total + difference, total - difference], 1)
        return torch.lerp(x.expand(-1, 2, -1), 0.5 * sides, mix), state

    def tail(self, *, feedback: Tensor, **others: Tensor) -> Tensor:
        """One delay until the last echo of the input begins, then the loop dies away."""
        seconds = others[self._time] * self._seconds
        return (seconds + decay_seconds(feedback, seconds)).flatten().amax()

    def curve(self, *, feedback: Tensor, width: Tensor, mix: Tensor, **others: Tensor) -> Curve:
        """Echoes over time: up on the left, down on the right."""
        seconds, g, m = (float(k.flatten()[0]) for k in (others[self._time] * self._seconds, feedback, mix))
        count = min(40, 2 + int(60 / max(-20 * math.log10(max(g, 1e-3)), 0.1)))
        levels = torch.tensor([m * g**i * (-1) ** i for i in range(count)])
        label = "amplitude (left up, right down)"
        time = torch.arange(1, count + 1) * seconds
        return Curve(time, levels, "time (s)", label, title="PingPongDelay", stems=True)
