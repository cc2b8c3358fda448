"""A delay that an oscillator moves: what choruses, flangers and vibratos share."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...control import can_look_at
from ...curve import Curve
from ...dsp.levels import amp_to_db, db_to_amp, decay_seconds
from ...dsp.oscillator import Shape, oscillate, oscillator, phase_ramp
from ...dsp.panning import place
from ...params import EffectParam
from ...processor import State
from ...recursion.ops.delay_line import Line, kept_line, line_read, silent_line
from ..choices import INTERPOLATION, SHAPE, TEMPO
from ..delay.crossfade import FADE_MS, crossfaded
from .tempo import InTempo

START = EffectParam(
    -180.0, 180.0, 0.0, unit="deg", search="angle", doc="Phase of the oscillator at the start of the sound."
)
SIDES = EffectParam(0.0, 180.0, 90.0, unit="deg", doc="Phase by which the right oscillator leads the left one.")

_PIECE = 8
"""Of a fade in a loop; the few samples of a delay shorter than that are written by one sweep and read by the other."""


class SweptEffect(InTempo, abstract=True):
    """Base of the effects that mix a sound with voices whose delay an oscillator sweeps.

    The table of a subclass says what it has: ``feedback`` puts the line into a loop, ``phase_deg`` gives each side an
    oscillator of its own, ``num_voices`` is how many voices read the line, evenly over a turn, and
    ``voice_1_gain_db`` and ``voice_1_pan`` give each a level and, between two channels, a place. The range of
    ``delay_ms`` must begin at one sample or above.
    """

    options = {"shape": SHAPE, "interpolation": INTERPOLATION, "tempo_bpm": TEMPO}
    neutral = {"mix": 0.0}
    traits = {"linear", "causal", "odd"}
    num_voices = 1

    def prepare(self) -> None:
        """The length of the line: the longest delay of a sweep is twice its centre.

        Raises:
            ValueError: for a range of delays that begins below one sample.
        """
        row, one_sample = self.params["delay_ms"], 1000 / self.sample_rate
        if row.min_val < one_sample:
            raise ValueError(
                f"delay_ms begins at {row.min_val:g}; a delay must be one sample or longer: from {one_sample:g} up at "
                "this sample rate"
            )
        self._longest = math.ceil(2 * row.max_val / one_sample) + 1
        self._fade = max(1, round(FADE_MS / one_sample))

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        rate_hz: Tensor,
        depth: Tensor,
        delay_ms: Tensor,
        start_deg: Tensor,
        feedback: Tensor | None = None,
        phase_deg: Tensor | None = None,
        mix: Tensor,
        **own: Tensor,
    ) -> tuple[Tensor, State]:
        """Mix the voices with the input.

        The state is the phase of the oscillator, the line that all voices read, and the sweep before: where its centre,
        its width or its phase step, two sweeps are cross-faded.
        """
        start, line, memory = (None, None, None) if state is None else state
        if phase_deg is not None or own:
            x = x.expand(-1, 2, -1)
        line = silent_line(x, x.shape[1], self.interpolation) if line is None else line
        angle = start_deg.double() / 360
        if phase_deg is not None:
            angle = torch.cat(torch.broadcast_tensors(angle, angle + phase_deg.double() / 360), 1)
        turning = [
            oscillator(rate_hz, self.sample_rate, x.shape[-1], start, self.shape, ahead=angle + i / self.num_voices)
            for i in range(self.num_voices)
        ]

        def wave(i: int, angle: Tensor, where: slice) -> Tensor:
            if where == slice(None):
                return turning[i][0]
            phase, _ = phase_ramp(rate_hz, self.sample_rate, x.shape[-1], start)
            phase = phase[..., where] + angle / self._longest + i / self.num_voices
            return oscillate(phase - phase.detach().floor(), self.shape)

        def read(x: Tensor, sweep: Tensor, line: Line, where: slice) -> tuple[Tensor, Line]:
            loop = feedback if feedback is None or feedback.shape[-1] == 1 else feedback[..., where]
            centre, reach, angle = sweep.split((1, 1, sweep.shape[1] - 2), 1)
            voices = []
            for i in range(self.num_voices):
                delay = swept_delay(centre, reach, wave(i, angle, where))
                voice, after = line_read(x, delay, line, self._longest, self.interpolation, feedback=loop)
                if own:
                    gain, pan = (own[f"voice_{i + 1}_{knob}"] for knob in ("gain_db", "pan"))
                    gain, pan = (k if k.shape[-1] == 1 else k[..., where] for k in (gain, pan))
                    voice = place(voice, pan) * db_to_amp(gain)
                voices.append(voice)
            return voices[0] if self.num_voices == 1 else sum(voices[1:], voices[0]) / self.num_voices, after

        sweep = sweep_of(delay_ms, depth, self.sample_rate)
        if can_look_at(sweep):  # the phase in samples too, so that a step of it is one
            rows = [*sweep.split(1, 1), *(angle * self._longest).split(1, 1)]
            sweep = torch.cat(torch.broadcast_tensors(*rows), 1)
        piece = None if feedback is None else _PIECE
        voice, line, memory = crossfaded(read, x, sweep, line, memory, self._fade, piece)
        return torch.lerp(x, voice, mix), (turning[0][1], kept_line(line, x.shape[-1]), memory)

    def tail(self, *, delay_ms: Tensor, depth: Tensor, feedback: Tensor | None = None, **others: Tensor) -> Tensor:
        """The longest delay of the sweep, then the loop dies away."""
        seconds = delay_ms * (1 + depth) / 1000 + 16 / self.sample_rate
        if feedback is None:
            return seconds
        return seconds.amax() + decay_seconds(feedback, seconds.amax()).amax()


def sweep_of(centre_ms: Tensor, depth: Tensor, sample_rate: float) -> Tensor:
    """Centre D and reach (D - 1) depth of a sweep in samples, (B, 2, 1 or T), float64.

    Args:
        centre_ms: D in ms, (B, 1, 1 or T).
        depth: 0 .. 1, likewise.
        sample_rate: in Hz.
    """
    centre = centre_ms.double() * (sample_rate / 1000)
    return torch.cat(torch.broadcast_tensors(centre, (centre - 1) * depth), 1)


def swept_delay(centre: Tensor, reach: Tensor, wave: Tensor) -> Tensor:
    """Delay in samples, d = 1 + (D - 1) (1 + depth o): at depth 1 from one sample to about twice the centre.

    Args:
        centre: D in samples, (B, 1, 1 or T).
        reach: (D - 1) depth, likewise.
        wave: o, the oscillator's, (B, C, T), float64.

    Returns:
        (B, C, T), float64, 1 or longer.
    """
    return torch.addcmul(centre, reach, wave).clamp_min(1.0)


def sweep_curve(title: str, centre_ms: Tensor, depth: Tensor, rate_hz: Tensor, shape: Shape, rate: float) -> Curve:
    """The delay over two turns of the oscillator, for the first item."""
    first = rate_hz[:1, :1, :1]
    wave, _ = oscillator(first, rate, int(float(2 / first) * rate), shape=shape)
    centre, reach = sweep_of(centre_ms[:1, :1, :1], depth[:1, :1, :1], rate).split(1, 1)
    delay = swept_delay(centre, reach, wave)
    time = torch.arange(delay.shape[-1]) / rate
    return Curve(time, delay[0, 0] * (1000 / rate), "time (s)", "delay (ms)", title=title)


def comb_curve(title: str, delay_ms: Tensor, mix: Tensor, feedback: Tensor | None = None) -> Curve:
    """Level over frequency at the centre of the sweep, to six teeth of the comb, for the first item."""
    seconds, m = float(delay_ms.flatten()[0]) / 1000, float(mix.flatten()[0])
    g = 0.0 if feedback is None else float(feedback.flatten()[0])
    freq = torch.linspace(0, 6 / seconds, 1500, dtype=torch.float64)
    delayed = torch.polar(torch.ones_like(freq), -2 * math.pi * freq * seconds)
    level = amp_to_db((1 - m + m * delayed / (1 - g * delayed)).abs(), floor_db=-80.0)
    return Curve(freq, level, "frequency (Hz)", "level (dB)", title=title)
