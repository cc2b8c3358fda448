"""Feedback delay."""

from __future__ import annotations

from torch import Tensor

from ...curve import Curve
from ...options import Choice
from ...params import EffectParam
from ...processor import State
from ..choices import RECURSIVE_INTERPOLATION, TEMPO
from .timed import TimedDelay, count_echoes
from .tone import TONE, highpass_pole, lowpass_pole


class FeedbackDelay(TimedDelay):
    """Echoes of echoes: w[n] = x[n] + g F(w(n - d)), y[n] = (1 - m) x[n] + m w(n - d).

    F is a one-pole low-pass and a one-pole high-pass in the loop, so that each echo is darker and thinner than the one
    before; the first is the sound itself. Their coefficients are exp(-2 pi f / fs) times a factor 1 - (f / f_open)^4,
    hardly below 1 wherever the filter is heard, so that at f_open (20 kHz or 0.49 fs for the low-pass, inversely 20 Hz
    for the high-pass) each is open exactly. A delay that moves shifts the pitch, as on tape; one that steps
    is cross-faded within 8 ms.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.6.
    """

    words = (
        "repeats after {delay_ms} with {feedback:share} of the one before, above {highpass_hz} and below {lowpass_hz}",
        "repeats after {delay_beats} with {feedback:share} of the one before, "
        "above {highpass_hz} and below {lowpass_hz}",
    )
    options = {
        "tempo_bpm": TEMPO,
        "saturation": Choice(None, "tanh", doc='"tanh" lets the loop saturate softly; None keeps it linear.'),
        "interpolation": RECURSIVE_INTERPOLATION,
    }
    time_ms = EffectParam(
        10.0, 5000.0, 350.0, "log", "ms", doc="Time from the sound to its first echo, and between echoes."
    )
    rest = {
        "feedback": EffectParam(-0.99, 0.99, 0.35, doc="Level of each echo over the one before; below 0 inverts."),
        **TONE,
        "mix": EffectParam(0.0, 1.0, 0.35, doc="Share of the echoes in the output."),
    }
    variants = ({}, {"tempo_bpm": 90.0, "interpolation": "linear"}, {"saturation": "tanh"})

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
        **time: Tensor,
    ) -> tuple[Tensor, State]:
        """Mix the delay line's tap with the input; the state is the line."""
        echoes, state = self.echo(
            x,
            self.time(time),
            state,
            feedback=feedback,
            lowpass=lowpass_pole(lowpass_hz, self.sample_rate),
            highpass=highpass_pole(highpass_hz, self.sample_rate),
            saturation=self.saturation,
        )
        return x + mix * (echoes - x), state

    def tail(self, *, feedback: Tensor, **others: Tensor) -> Tensor:
        """One delay until the last echo of the input begins, then the loop dies away."""
        return self.loop_tail(feedback, self.time(others))

    def curve(self, *, feedback: Tensor, mix: Tensor, **others: Tensor) -> Curve:
        """Levels of the sound and its echoes over time."""
        seconds, g, m = (float(k.flatten()[0]) for k in (self.time(others) * self.seconds, feedback, mix))
        count = count_echoes(g)
        return self.stems([i * seconds for i in range(count + 1)], [1 - m, *(m * g**i for i in range(count))])
