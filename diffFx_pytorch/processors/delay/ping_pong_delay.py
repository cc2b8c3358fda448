"""Ping-pong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ...curve import Curve
from ...options import Flag
from ...params import EffectParam
from ...processor import State
from .timed import TimedDelay, count_echoes, echo_time
from .tone import TONE, highpass_pole, lowpass_pole, toned

_SIDES = ("left", "right")
_SILENT = 1e-12
"""Added to the product of two feedbacks, whose root has no slope at 0."""


class PingPongDelay(TimedDelay):
    """Echoes from side to side: w_L[n] = x[n] + g F(w_R(n - d)), w_R[n] = g F(w_L(n - d)), the echoes w(n - d).

    What enters is the mono signal, or the mean of a stereo one; the first echo sounds on the left at its level, the
    second on the right g below, and so on. Mono in, stereo out; the dry signal keeps its sides. F is the one-pole low-
    and high-pass of ``FeedbackDelay``. ``width`` scales the difference of the echoes; their sum does not depend on it.

    The loop is symmetric: the sum of the two lines is one line with feedback g, their difference one with feedback -g,
    and neither knows of the other; so it costs two plain delay lines.

    With ``feedback_each``, w_L[n] = x[n] + g_L F(w_R(n - d)), w_R[n] = g_R F(w_L(n - d)). What sounds on the left knows
    only g_L g_R: it is that of the symmetric loop with the geometric mean, and a third line makes the right of it.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.6.
    """

    words = (
        "repeats from side to side after {delay_ms} with {feedback:share} of the one before, "
        "above {highpass_hz} and below {lowpass_hz}, {width:share} wide",
    )
    time_ms = echo_time(250.0)
    rest = {
        "feedback": EffectParam(-0.99, 0.99, 0.5, doc="Level of each echo over the one before; below 0 inverts."),
        **TONE,
        "width": EffectParam(0.0, 1.0, 1.0, doc="Width of the echoes: 0 is the centre, 1 from side to side."),
        "mix": EffectParam(0.0, 1.0, 0.35, doc="Share of the echoes in the output."),
    }
    options = {
        **TimedDelay.options,
        "feedback_each": Flag(False, doc="A feedback for each side, of what comes back to it from the other."),
    }
    channels = (1, 2)
    channels_out = 2
    crosses_channels = True
    variants = ({}, {"tempo_bpm": 950.0, "interpolation": "linear"}, {"feedback_each": True})

    def table(self) -> dict[str, EffectParam]:
        """The time, one feedback or two, and the rest."""
        rows = super().table().items()
        if not self.feedback_each:
            return dict(rows)
        (time, (_, row), *others) = rows
        row = EffectParam(0.0, row.max_val, row.default)
        sides = {f"feedback_{side}": replace(row, doc=f"Level of what comes to the {side}.") for side in _SIDES}
        return dict([time, *sides.items(), *others])

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        lowpass_hz: Tensor,
        highpass_hz: Tensor,
        width: Tensor,
        mix: Tensor,
        **others: Tensor,
    ) -> tuple[Tensor, State]:
        """Run the lines of the sum and the difference; the state is both, and that of a third line where there is."""
        low, high = lowpass_pole(lowpass_hz, self.sample_rate), highpass_pole(highpass_hz, self.sample_rate)
        time, g = self.time(others), _mean(others)
        loop, filters, line = state if self.feedback_each and state is not None else (state, None, None)
        echoes, loop = self.echo(
            x.mean(1, keepdim=True), time, loop, feedback=torch.cat([g, -g], 1), lowpass=low, highpass=high
        )
        total, difference = echoes[:, :1], echoes[:, 1:]
        if self.feedback_each:
            left = 0.5 * (total + difference)
            dark, filters = toned(left, low, high, filters)
            right, line = self.echo(others["feedback_right"] * dark, time, line)
            total, difference, loop = left + right, left - right, (loop, filters, line)
        difference = width * difference
        sides = torch.cat([total + difference, total - difference], 1)
        return torch.lerp(x.expand(-1, 2, -1), 0.5 * sides, mix), loop

    def tail(self, **knobs: Tensor) -> Tensor:
        """One delay until the last echo of the input begins, then the loop dies away."""
        time = self.time(knobs)
        ringing = self.loop_tail(_mean(knobs), time)
        return ringing + (time * self.seconds).amax() if self.feedback_each else ringing

    def curve(self, *, width: Tensor, mix: Tensor, **others: Tensor) -> Curve:
        """Echoes over time: up on the left, down on the right."""
        knobs = (self.time(others) * self.seconds, _mean(others), others.get("feedback_right", _mean(others)), mix)
        seconds, g, right, m = (float(k.flatten()[0]) for k in knobs)
        count = count_echoes(g)
        levels = [m * (g**i if i % 2 == 0 else -right * g ** (i - 1)) for i in range(count)]
        return self.stems([(i + 1) * seconds for i in range(count)], levels, "amplitude (left up, right down)")


def _mean(knobs: Mapping[str, Tensor]) -> Tensor:
    """The feedback of the symmetric loop."""
    if "feedback" in knobs:
        return knobs["feedback"]
    return (knobs["feedback_left"] * knobs["feedback_right"] + _SILENT).sqrt()
