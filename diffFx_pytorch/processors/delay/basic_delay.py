"""One echo."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ...curve import Curve
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import delay_line
from .time import check_interpolation, time_unit

_TIME = EffectParam(1.0, 2000.0, 250.0, "log", "ms", doc="Time from the sound to its echo.")
_REST = {"mix": EffectParam(0.0, 1.0, 0.5, doc="Share of the echo in the output; 1 is the delayed sound alone.")}


class BasicDelay(Processor):
    """One echo: y[n] = (1 - m) x[n] + m x(n - d).

    A moving delay shifts the pitch, as on tape. Used at a mix of 1 it aligns one microphone with another.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace; delays must be one sample or longer.
        tempo_bpm: quarter notes a minute; given, the time is a note length, ``delay_beats``.
        interpolation: between samples: "lagrange" (10 points, flat within 0.1 dB to 10 kHz at 44.1 kHz), "linear",
            "cubic", "sinc" or "allpass".

    Raises:
        ValueError: for a tempo that is not positive, a range of delays that begins below one sample, or an unknown
            interpolation.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.5.
    """

    neutral = {"mix": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd"}
    variants = ({}, {"tempo_bpm": 950.0, "interpolation": "linear"})

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        tempo_bpm: float | None = None,
        interpolation: str = "lagrange",
    ) -> None:
        unit = time_unit("BasicDelay", tempo_bpm)
        check_interpolation("BasicDelay", interpolation)
        time = unit.row("delay", _TIME)
        super().__init__(sample_rate, param_range, params=time | _REST)
        (self._time,) = time
        self._seconds = unit.seconds
        self._longest = unit.longest("BasicDelay", self.params, self._time, sample_rate)
        self.interpolation = interpolation

    def process(self, x: Tensor, state: State, *, mix: Tensor, **time: Tensor) -> tuple[Tensor, State]:
        """Mix the delayed sound with the input; the state is the line."""
        echo, state = delay_line(
            x,
            time[self._time].double() * (self._seconds * self.sample_rate),
            interpolation=self.interpolation,
            max_delay=self._longest,
            zi=state,
            return_zf=True,
        )
        return torch.lerp(x, echo, mix), state

    def tail(self, *, mix: Tensor, **time: Tensor) -> Tensor:
        """The delay, and what the interpolation rings."""
        return time[self._time] * self._seconds + 16 / self.sample_rate

    def curve(self, *, mix: Tensor, **time: Tensor) -> Curve:
        """Levels of the sound and its echo over time."""
        seconds, m = float(time[self._time].flatten()[0]) * self._seconds, float(mix.flatten()[0])
        levels = torch.tensor([1 - m, m])
        return Curve(torch.tensor([0.0, seconds]), levels, "time (s)", "amplitude", title="BasicDelay", stems=True)
