"""Feedback delay."""

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

_TIME = EffectParam(10.0, 2000.0, 350.0, "log", "ms", doc="Time from the sound to its first echo, and between echoes.")
_REST = {
    "feedback": EffectParam(0.0, 0.99, 0.35, doc="Level of each echo relative to the one before."),
    **TONE,
    "mix": EffectParam(0.0, 1.0, 0.35, doc="Share of the echoes in the output."),
}


class FeedbackDelay(Processor):
    """Echoes of echoes: w[n] = x[n] + g F(w(n - d)), y[n] = (1 - m) x[n] + m w(n - d).

    F is a one-pole low-pass and a one-pole high-pass in the loop, so that each echo is darker and thinner than the one
    before; the first is the sound itself. Their coefficients are exp(-2 pi f / fs) times a factor 1 - (f / f_open)^4,
    hardly below 1 wherever the filter is heard, so that at f_open (20 kHz or 0.49 fs for the low-pass, inversely 20 Hz
    for the high-pass) each is open exactly. A moving delay shifts the pitch, as on tape.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace; delays must be one sample or longer.
        tempo_bpm: quarter notes a minute; given, the time is a note length, ``delay_beats``.
        saturation: "tanh" lets the loop saturate softly; None keeps it linear.
        interpolation: between samples: "lagrange" (10 points, flat within 0.1 dB to 10 kHz at 44.1 kHz), "linear",
            "cubic", "sinc" or "allpass".

    Raises:
        ValueError: for a tempo that is not positive, a range of delays that begins below one sample, or an unknown
            saturation or interpolation.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.6.
    """

    neutral = {"mix": 0.0}
    variants = ({}, {"tempo_bpm": 90.0, "interpolation": "linear"}, {"saturation": "tanh"})

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        tempo_bpm: float | None = None,
        saturation: str | None = None,
        interpolation: str = "lagrange",
    ) -> None:
        unit = time_unit("FeedbackDelay", tempo_bpm)
        if saturation not in (None, "tanh"):
            raise ValueError(f"FeedbackDelay: saturation must be None or 'tanh', got {saturation!r}")
        check_interpolation("FeedbackDelay", interpolation)
        time = unit.row("delay", _TIME)
        super().__init__(sample_rate, param_range, params=time | _REST)
        self.saturation, self.interpolation = saturation, interpolation
        self.traits = frozenset({"time_invariant", "causal", "odd"} | (set() if saturation else {"linear"}))
        (self._time,) = time
        self._seconds = unit.seconds
        self._longest = unit.longest("FeedbackDelay", self.params, self._time, sample_rate)

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
        samples = time[self._time].double() * (self._seconds * self.sample_rate)
        if state is None:
            length = delay_state_length(self._longest, self.interpolation)
            state = x.new_zeros((*x.shape[:-1], length), dtype=torch.float64)
        echoes, state = feedback_delay(
            x,
            samples,
            feedback,
            lowpass=lowpass_pole(lowpass_hz, self.sample_rate),
            highpass=highpass_pole(highpass_hz, self.sample_rate),
            saturation=self.saturation,
            interpolation=self.interpolation,
            zi=state,
            return_zf=True,
        )
        return x + mix * (echoes - x), state

    def tail(self, *, feedback: Tensor, **others: Tensor) -> Tensor:
        """One delay until the last echo of the input begins, then the loop dies away."""
        seconds = others[self._time] * self._seconds
        return (seconds + decay_seconds(feedback, seconds)).flatten().amax()

    def curve(self, *, feedback: Tensor, mix: Tensor, **others: Tensor) -> Curve:
        """Levels of the sound and its echoes over time."""
        seconds, g, m = (float(k.flatten()[0]) for k in (others[self._time] * self._seconds, feedback, mix))
        count = min(40, 2 + int(60 / max(-20 * math.log10(max(g, 1e-3)), 0.1)))
        levels = torch.tensor([1 - m, *(m * g**i for i in range(count))])
        time = torch.arange(count + 1) * seconds
        return Curve(time, levels, "time (s)", "amplitude", title="FeedbackDelay", stems=True)
