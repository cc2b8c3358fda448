"""Ping-pong."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...params import EffectParam
from ...processor import State
from .timed import TimedDelay, count_echoes
from .tone import TONE, highpass_pole, lowpass_pole


class PingPongDelay(TimedDelay):
    """Echoes from side to side: w_L[n] = x[n] + g F(w_R(n - d)), w_R[n] = g F(w_L(n - d)), the echoes w(n - d).

    What enters is the mono signal, or the mean of a stereo one; the first echo sounds on the left at its level, the
    second on the right g below, and so on. Mono in, stereo out; the dry signal keeps its sides. F is the one-pole low-
    and high-pass of ``FeedbackDelay``. ``width`` scales the difference of the echoes; their sum does not depend on it.

    The loop is symmetric: the sum of the two lines is one line with feedback g, their difference one with feedback -g,
    and neither knows of the other; so it costs two plain delay lines.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.6.
    """

    words = (
        "repeats from side to side after {delay_ms} with {feedback:share} of the one before, "
        "above {highpass_hz} and below {lowpass_hz}, {width:share} wide",
        "repeats from side to side after {delay_beats} with {feedback:share} of the one before, "
        "above {highpass_hz} and below {lowpass_hz}, {width:share} wide",
    )
    time_ms = EffectParam(
        10.0, 5000.0, 250.0, "log", "ms", doc="Time from the sound to its first echo, and between echoes."
    )
    rest = {
        "feedback": EffectParam(-0.99, 0.99, 0.5, doc="Level of each echo over the one before; below 0 inverts."),
        **TONE,
        "width": EffectParam(0.0, 1.0, 1.0, doc="Width of the echoes: 0 is the centre, 1 from side to side."),
        "mix": EffectParam(0.0, 1.0, 0.35, doc="Share of the echoes in the output."),
    }
    channels = (1, 2)
    channels_out = 2
    crosses_channels = True
    variants = ({}, {"tempo_bpm": 950.0, "interpolation": "linear"})

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
        mono = x.mean(1, keepdim=True)
        echoes, state = self.echo(
            mono,
            self.time(time),
            state,
            feedback=torch.cat([feedback, -feedback], 1),
            lowpass=lowpass_pole(lowpass_hz, self.sample_rate),
            highpass=highpass_pole(highpass_hz, self.sample_rate),
        )
        total, difference = echoes[:, :1], width * echoes[:, 1:]
        sides = torch.cat([total + difference, total - difference], 1)
        return torch.lerp(x.expand(-1, 2, -1), 0.5 * sides, mix), state

    def tail(self, *, feedback: Tensor, **others: Tensor) -> Tensor:
        """One delay until the last echo of the input begins, then the loop dies away."""
        return self.loop_tail(feedback, self.time(others))

    def curve(self, *, feedback: Tensor, width: Tensor, mix: Tensor, **others: Tensor) -> Curve:
        """Echoes over time: up on the left, down on the right."""
        seconds, g, m = (float(k.flatten()[0]) for k in (self.time(others) * self.seconds, feedback, mix))
        count = count_echoes(g)
        levels = [m * g**i * (-1) ** i for i in range(count)]
        return self.stems([(i + 1) * seconds for i in range(count)], levels, "amplitude (left up, right down)")
