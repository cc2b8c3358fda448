"""Feedback delay."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...options import Choice, Flag
from ...params import EffectParam
from ...processor import State
from ..choices import RECURSIVE_INTERPOLATION, TEMPO
from .timed import TimedDelay, count_echoes, echo_time
from .tone import TONE, highpass_pole, lowpass_pole, toned

_COMB = {
    "feedforward": EffectParam(-1.0, 1.0, 1.0, doc="Level of the echoes: what comes out of the line."),
    "blend": EffectParam(-1.0, 1.0, 0.0, doc="Level of what goes into the line, the sound with what is fed back."),
}


class FeedbackDelay(TimedDelay):
    """Echoes of echoes: w[n] = x[n] + g F(w(n - d)), y[n] = (1 - m) x[n] + m w(n - d).

    F is a one-pole low-pass and a one-pole high-pass in the loop, so that each echo is darker and thinner than the one
    before; the first is the sound itself. Their coefficients are exp(-2 pi f / fs) times a factor 1 - (f / f_open)^4,
    hardly below 1 wherever the filter is heard, so that at f_open (20 kHz or 0.49 fs for the low-pass, inversely 20 Hz
    for the high-pass) each is open exactly. A delay that moves shifts the pitch, as on tape; one that steps
    is cross-faded within 8 ms.

    As a universal ``comb`` it mixes in what goes into the line too: y[n] = (1 - m) x[n] + m (f w(n - d) + b w[n]), f
    ``feedforward`` and b ``blend``. With f = 1 and b = -g, at a mix of 1 and with F open, it is Schroeder's all-pass;
    with g = 0, b = 1 a comb without feedback.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, sections 2.5.4 (universal comb) and 2.6.
    """

    words = (
        "repeats after {delay_ms} with {feedback:share} of the one before, above {highpass_hz} and below {lowpass_hz}",
    )
    options = {
        "tempo_bpm": TEMPO,
        "saturation": Choice(None, "tanh", doc='"tanh" lets the loop saturate softly; None keeps it linear.'),
        "interpolation": RECURSIVE_INTERPOLATION,
        "comb": Flag(False, doc="A universal comb: feedforward and blend say what of the line is heard."),
    }
    time_ms = echo_time(350.0)
    rest = {
        "feedback": EffectParam(-0.99, 0.99, 0.35, doc="Level of each echo over the one before; below 0 inverts."),
        **TONE,
        "mix": EffectParam(0.0, 1.0, 0.35, doc="Share of the echoes in the output."),
    }
    variants = ({}, {"tempo_bpm": 90.0, "interpolation": "linear"}, {"saturation": "tanh", "comb": True})

    def table(self) -> dict[str, EffectParam]:
        """The time, those of a comb, and the rest."""
        if not self.comb:
            return super().table()
        time, *others = super().table().items()
        return dict([time, *_COMB.items(), *others])

    def prepare(self) -> None:
        """The line, and whether it is linear."""
        super().prepare()
        if self.saturation:
            self.traits = self.traits - {"linear"}

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        feedback: Tensor,
        lowpass_hz: Tensor,
        highpass_hz: Tensor,
        mix: Tensor,
        feedforward: Tensor | None = None,
        blend: Tensor | None = None,
        **time: Tensor,
    ) -> tuple[Tensor, State]:
        """Mix the delay line's tap with the input; the state is the line, and of a comb also the filters."""
        low, high = lowpass_pole(lowpass_hz, self.sample_rate), highpass_pole(highpass_hz, self.sample_rate)
        line, filters = state if self.comb and state is not None else (state, None)
        echoes, line = self.echo(
            x, self.time(time), line, feedback=feedback, lowpass=low, highpass=high, saturation=self.saturation
        )
        if feedforward is None or blend is None:
            return x + mix * (echoes - x), line
        again, filters = toned(echoes, low, high, filters)
        again = torch.tanh(again) if self.saturation else again
        wet = feedforward * echoes + blend * (x + feedback * again)
        return x + mix * (wet - x), (line, filters)

    def tail(self, *, feedback: Tensor, **others: Tensor) -> Tensor:
        """One delay until the last echo of the input begins, then the loop dies away."""
        return self.loop_tail(feedback, self.time(others))

    def curve(self, *, feedback: Tensor, mix: Tensor, **others: Tensor) -> Curve:
        """Levels of the sound and its echoes over time."""
        comb = (others["feedforward"], others["blend"]) if self.comb else (torch.ones(1), torch.zeros(1))
        knobs = (self.time(others) * self.seconds, feedback, mix, *comb)
        seconds, g, m, f, b = (float(k.flatten()[0]) for k in knobs)
        count = count_echoes(g)
        echoes = [m * (f + b * g) * g**i for i in range(count)]
        return self.stems([i * seconds for i in range(count + 1)], [1 - m + m * b, *echoes])
