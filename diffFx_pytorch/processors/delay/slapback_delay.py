"""Slapback."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ...curve import Curve
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import delay_line, one_pole
from .time import check_interpolation, time_unit
from .tone import TONE, highpass_pole, lowpass_pole

_TIME = EffectParam(40.0, 200.0, 110.0, "log", "ms", doc="Time from the sound to its echo.")
_NOTE = EffectParam(1 / 16, 0.5, 0.25, "log", "beats", doc="Note length from the sound to its echo; 1 is a quarter.")
_REST = {**TONE, "mix": EffectParam(0.0, 1.0, 0.3, doc="Share of the echo in the output.")}


class SlapbackDelay(Processor):
    """One short echo, as from a second tape head or the wall of a hall: y[n] = (1 - m) x[n] + m F(x(n - d)).

    F is a one-pole low-pass and a one-pole high-pass, each open exactly at the end of its range, for the tape that
    loses treble and the wall that loses bass.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace; delays must be one sample or longer.
        tempo_bpm: quarter notes a minute; given, the time is a note length, ``delay_beats``.
        interpolation: between samples: "lagrange", "linear", "cubic", "sinc" or "allpass".

    Raises:
        ValueError: for a tempo that is not positive, a range of delays that begins below one sample, or an unknown
            interpolation.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.6.1: slapback at 25 to 50 ms and
        above, echo from about 50 ms.
    """

    neutral = {"mix": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd"}
    variants = ({}, {"tempo_bpm": 470.0, "interpolation": "linear"})

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        tempo_bpm: float | None = None,
        interpolation: str = "lagrange",
    ) -> None:
        unit = time_unit("SlapbackDelay", tempo_bpm)
        check_interpolation("SlapbackDelay", interpolation)
        time = unit.row("delay", _TIME, _NOTE)
        super().__init__(sample_rate, param_range, params=time | _REST)
        (self._time,) = time
        self._seconds = unit.seconds
        self._longest = unit.longest("SlapbackDelay", self.params, self._time, sample_rate)
        self.interpolation = interpolation

    def process(
        self, x: Tensor, state: State, *, lowpass_hz: Tensor, highpass_hz: Tensor, mix: Tensor, **time: Tensor
    ) -> tuple[Tensor, State]:
        """Mix the filtered echo with the input; the state is the line and the two filters."""
        line, low, high = (None, None, None) if state is None else state
        echo, line = delay_line(
            x,
            time[self._time].double() * (self._seconds * self.sample_rate),
            interpolation=self.interpolation,
            max_delay=self._longest,
            zi=line,
            return_zf=True,
        )
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
        return time[self._time].amax() * self._seconds + 1.1 / lowest + 16 / self.sample_rate

    def curve(self, *, lowpass_hz: Tensor, highpass_hz: Tensor, mix: Tensor, **time: Tensor) -> Curve:
        """Levels of the sound and its echo over time, where the filters pass."""
        seconds, m = float(time[self._time].flatten()[0]) * self._seconds, float(mix.flatten()[0])
        levels = torch.tensor([1 - m, m])
        return Curve(torch.tensor([0.0, seconds]), levels, "time (s)", "amplitude", title="SlapbackDelay", stems=True)

    @staticmethod
    def _smooth(x: Tensor, pole: Tensor, start: Tensor | None) -> tuple[Tensor, Tensor]:
        moving = pole.shape[-1] == x.shape[-1]
        y = one_pole(x, pole if moving else pole.squeeze(-1), start, return_zf=True, moving=moving)
        assert isinstance(y, tuple)
        return y
