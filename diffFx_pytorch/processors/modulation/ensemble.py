"""String ensemble."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.interpolation import POINTS
from ...dsp.oscillator import oscillator
from ...dsp.panning import place
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion.ops.delay_line import Line, kept_line, line_read, silent_line
from ..choices import INTERPOLATION
from ..delay.crossfade import FADE_MS, crossfaded

_LINES = 3


class Ensemble(Processor):
    """The ensemble of string machines: three lines, each moved slowly and fast, a third of a turn apart.

    y[n] = (1 - m) x[n] + (m / sqrt 3) sum_i P_i(x(n - d_i[n])) with the delays
    d_i = D + a_s sin(2 pi (f_s n / fs + i / 3)) + a_f sin(2 pi (f_f n / fs + i / 3)), i = 0, 1, 2: ``delay_ms``, and
    the reaches and rates of a slow and a fast oscillator, which every line hears at an angle of its own. At every
    moment the mean of the three delays, and of the three pitches, is that of a sound that stands still. P_i balances
    the lines as ``StereoPanning`` does, at -w, 0 and w, w being ``width``. But in the bass they are out of step and
    their powers add; so the sum is as loud as the sound.

    References:
        C. Raffel, J. Smith, "Practical modeling of bucket-brigade device circuits", DAFx 2010 (the lines that string
        machines have).
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
    """

    words = (
        "makes a section of three voices around {delay_ms}, {slow_ms} to either side at {slow_hz} "
        "and {fast_ms} at {fast_hz}",
        "{width:share} wide",
    )
    params = {
        "slow_hz": EffectParam(0.1, 2.0, 0.6, "log", "Hz", search="rate", doc="Rate of the slow oscillator."),
        "slow_ms": EffectParam(0.0, 3.0, 1.5, unit="ms", doc="How far it moves each line to either side."),
        "fast_hz": EffectParam(2.0, 12.0, 6.0, "log", "Hz", search="rate", doc="Rate of the fast oscillator."),
        "fast_ms": EffectParam(0.0, 0.5, 0.1, unit="ms", doc="How far it moves each line to either side."),
        "delay_ms": EffectParam(5.0, 20.0, 8.0, "log", "ms", search="echo", doc="Of the lines where they stand still."),
        "width": EffectParam(0.0, 1.0, 0.7, doc="How far the first and the last line are to the sides; 0 is mono."),
        "mix": EffectParam(0.0, 1.0, 1.0, doc="Share of the section; 1 is as string machines have it."),
    }
    options = {"interpolation": INTERPOLATION}
    neutral = {"mix": 0.0}
    traits = {"linear", "causal", "odd"}
    in_pieces = True
    channels = (1, 2)
    channels_out = 2
    variants = ({}, {"interpolation": "cubic"})

    def prepare(self) -> None:
        """The length of the line."""
        per_ms = self.sample_rate / 1000
        longest = sum(self.params[name].max_val for name in ("delay_ms", "slow_ms", "fast_ms"))
        self._longest = math.ceil(longest * per_ms) + 1
        self._fade = max(1, round(FADE_MS * per_ms))

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        slow_hz: Tensor,
        slow_ms: Tensor,
        fast_hz: Tensor,
        fast_ms: Tensor,
        delay_ms: Tensor,
        width: Tensor,
        mix: Tensor,
    ) -> tuple[Tensor, State]:
        """Read three times; the state is the phases, the line, and the delay and the reaches before (steps fade)."""
        starts, line, memory = ((None, None), None, None) if state is None else state
        x = x.expand(-1, 2, -1)
        line = silent_line(x, 2, self.interpolation) if line is None else line
        slow, slow_end = self._waves(slow_hz, x.shape[-1], starts[0])
        fast, fast_end = self._waves(fast_hz, x.shape[-1], starts[1])
        pans = [-width, torch.zeros_like(width), width]

        def read(x: Tensor, sweep: Tensor, line: Line, where: slice) -> tuple[Tensor, Line]:
            voices, after = [], line
            for i, pan in enumerate(pans):
                delay = _delay(sweep, slow[:, i : i + 1, where], fast[:, i : i + 1, where])
                voice, after = line_read(x, delay, line, self._longest, self.interpolation)
                voices.append(place(voice, pan if pan.shape[-1] == 1 else pan[..., where]))
            return sum(voices[1:], voices[0]) * (1 / math.sqrt(_LINES)), after

        voice, line, memory = crossfaded(read, x, self._sweep(delay_ms, slow_ms, fast_ms), line, memory, self._fade)
        return torch.lerp(x, voice, mix), ((slow_end, fast_end), kept_line(line, x.shape[-1]), memory)

    def tail(self, *, delay_ms: Tensor, slow_ms: Tensor, fast_ms: Tensor, **others: Tensor) -> Tensor:
        """The longest delay of the sweeps."""
        return (delay_ms + slow_ms + fast_ms) / 1000 + POINTS["sinc"] / self.sample_rate

    def curve(
        self, *, slow_hz: Tensor, slow_ms: Tensor, fast_hz: Tensor, fast_ms: Tensor, delay_ms: Tensor, **others: Tensor
    ) -> Curve:
        """The delay of the first line over two turns of the slow oscillator."""
        samples = int(float(2 / slow_hz[0, 0, 0]) * self.sample_rate)
        slow, fast = (self._waves(rate[:1, :, :1], samples, None)[0][:, :1] for rate in (slow_hz, fast_hz))
        delay = _delay(self._sweep(*(k[:1, :, :1] for k in (delay_ms, slow_ms, fast_ms))), slow, fast)
        time = torch.arange(samples) / self.sample_rate
        return Curve(time, delay[0, 0] * (1000 / self.sample_rate), "time (s)", "delay (ms)", title="Ensemble")

    def _waves(self, rate_hz: Tensor, samples: int, start: Tensor | None) -> tuple[Tensor, Tensor]:
        """An oscillator at three angles, (B, 3, T) float64, and its phase after."""
        turning = [oscillator(rate_hz, self.sample_rate, samples, start, ahead=i / _LINES) for i in range(_LINES)]
        return torch.cat([wave for wave, _ in turning], 1), turning[0][1]

    def _sweep(self, *times_ms: Tensor) -> Tensor:
        """Delay and reaches in samples, (B, 3, 1 or T) float64."""
        return torch.cat(torch.broadcast_tensors(*(t.double() for t in times_ms)), 1) * (self.sample_rate / 1000)


def _delay(sweep: Tensor, slow: Tensor, fast: Tensor) -> Tensor:
    """The delay of one line, (B, 1, T), of (B, 3, 1 or T) and its two waves (B, 1, T)."""
    centre, far, near = sweep.split(1, 1)
    return (centre + far * slow + near * fast).clamp_min(0.0)
