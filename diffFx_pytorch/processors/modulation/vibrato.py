"""Vibrato."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.interpolation import POINTS
from ...dsp.oscillator import oscillator
from ...params import EffectParam
from ...processor import State
from ...recursion.ops.delay_line import Line, kept_line, line_read, silent_line
from ..choices import INTERPOLATION, SHAPE, TEMPO
from ..delay.crossfade import FADE_MS, crossfaded
from .sweep import START
from .tempo import InTempo

_REACH_MS = 2.5


class Vibrato(InTempo):
    """Vibrato: y[n] = x(n - d[n]), d = L + depth 2.5 ms (1 + o(phi[n] - 1/4 + start / 360)).

    With a sine the pitch moves by a factor of 1 +- 2 pi rate depth 2.5 ms: at 5 Hz and full depth by 8 %, more than a
    semitone each way. With a start of 0 it begins at the sound itself. L, which is declared as latency, is half the
    points of the interpolator: with fewer in the past the treble would come and go with the sweep.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.6.1.
    """

    words = ("moves the pitch up and down at {rate_hz} with a depth of {depth:share}",)
    params = {
        "rate_hz": EffectParam(0.1, 14.0, 5.5, "log", "Hz", search="rate", doc="Speed of the oscillator."),
        "depth": EffectParam(0.0, 1.0, 0.25, doc="0 leaves the pitch alone, 1 moves the delay over 5 ms."),
        "start_deg": START,
    }
    options = {"shape": SHAPE, "interpolation": INTERPOLATION, "tempo_bpm": TEMPO}
    neutral = {"depth": 0.0}
    traits = {"linear", "causal", "odd"}
    variants = ({}, {"interpolation": "cubic"})

    def prepare(self) -> None:
        """The length of the line."""
        self.latency_samples = POINTS[self.interpolation] // 2 - 1
        self.knob_latency = dict.fromkeys(self.params, self.latency_samples)
        self._reach = _REACH_MS * self.sample_rate / 1000
        self._fade = max(1, round(FADE_MS * self.sample_rate / 1000))
        self._longest = math.ceil(2 * self._reach * self.params["depth"].max_val) + self.latency_samples + 1

    def process(
        self, x: Tensor, state: State, *, rate_hz: Tensor, depth: Tensor, start_deg: Tensor
    ) -> tuple[Tensor, State]:
        """Read where the oscillator stands; the state is its phase, the line, and the depth before: a step fades."""
        start, line, memory = (None, None, None) if state is None else state
        line = silent_line(x, x.shape[1], self.interpolation) if line is None else line
        ahead = start_deg.double() / 360 - 0.25
        wave, start = oscillator(rate_hz, self.sample_rate, x.shape[-1], start, self.shape, ahead=ahead)

        def read(x: Tensor, reach: Tensor, line: Line, where: slice) -> tuple[Tensor, Line]:
            return line_read(x, self._delay(reach, wave[..., where]), line, self._longest, self.interpolation)

        y, line, memory = crossfaded(read, x, depth.double() * self._reach, line, memory, self._fade)
        return y, (start, kept_line(line, x.shape[-1]), memory)

    def tail(self, *, depth: Tensor, **others: Tensor) -> Tensor:
        """The longest delay of the sweep."""
        return depth * (2 * _REACH_MS / 1000) + 16 / self.sample_rate

    def curve(self, *, rate_hz: Tensor, depth: Tensor, **others: Tensor) -> Curve:
        """Change of pitch over two turns of the oscillator."""
        samples = int(float(2 / rate_hz[0, 0, 0]) * self.sample_rate)
        wave, _ = oscillator(rate_hz[:1, :, :1], self.sample_rate, samples, None, self.shape, ahead=-0.25)
        delay = self._delay(depth[:1, :, :1].double() * self._reach, wave)
        cents = 1200 * (1 - delay[0, 0].diff()).clamp_min(1e-3).log2()
        time = torch.arange(samples - 1) / self.sample_rate
        return Curve(time, cents, "time (s)", "pitch (cents)", title="Vibrato")

    def _delay(self, reach: Tensor, wave: Tensor) -> Tensor:
        return self.latency_samples + (reach + reach * wave).clamp_min(0.0)
