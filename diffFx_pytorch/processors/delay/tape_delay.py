"""Tape delay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ...control import can_look_at
from ...curve import Curve
from ...dsp.levels import db_to_amp
from ...dsp.oscillator import oscillator
from ...params import EffectParam
from ...processor import State
from ...recursion.ops.delay_line import Line, kept_line, line_read, silent_line
from ..distortion.tape import Tape
from .crossfade import crossfaded
from .timed import TimedDelay, count_echoes, echo_time
from .tone import TONE, highpass_pole, lowpass_pole, toned

_SWINGS = ("wow", "flutter")
_TURN = 100.0
"""Samples in which a turn of an angle is counted, so that a step of it is one."""


class TapeDelay(TimedDelay):
    """Echoes of a loop of tape: y = (1 - m) x + (m / G) p, p[n] = tanh(F(w(n - d[n]))), w[n] = G x[n] + g p[n].

    Every pass records the sound again: it bends at the ceiling of the tape, G being ``drive_db``, and F, a one-pole
    low-pass and a one-pole high-pass, makes it darker and thinner, the first echo too. The speed of the tape swings
    about its mean by shares p_k, of wow and flutter, each a sine of frequency f_k. What is played at n was recorded
    when a length of tape ago was under the other head, so the delay is, to first order in p,

        d[n] = D - sum_k (p_k / (2 pi f_k)) (sin(2 pi f_k n) - sin(2 pi f_k (n - D))),

    and the pitch of an echo swings by p_k (cos(2 pi f_k n) - cos(2 pi f_k (n - D))): where the delay is as long as a
    turn of the capstan there is no wow, where it is half as long there is twice as much. Each echo adds its own.

    References:
        J. Chowdhury, "Real-time physical modelling for analog tape machines", DAFx 2019 (wow and flutter, losses).
        S. Arnardottir, J. Abel, J. Smith, "A digital model of the Echoplex tape delay", AES 125th Convention, 2008
        (a delay that is a length of tape between two heads).
    """

    words = (
        "repeats after {delay_ms} on tape, {feedback:share} of it again, below {lowpass_hz} and above {highpass_hz}",
        "wow of {wow_percent:percent} at {wow_hz}, flutter of {flutter_percent:percent} at {flutter_hz}",
    )
    time_ms = echo_time(350.0)
    rest = {
        "feedback": EffectParam(0.0, 0.99, 0.5, doc="Level at which each echo is recorded again."),
        "drive_db": EffectParam(
            -24.0,
            24.0,
            0.0,
            unit="dB",
            automatable=False,
            doc="Gain of the recording: how far the tape saturates; undone behind it.",
        ),
        "lowpass_hz": replace(TONE["lowpass_hz"], default=4000.0),
        "highpass_hz": replace(TONE["highpass_hz"], default=100.0),
        "wow_hz": Tape.params["wow_hz"],
        "wow_percent": replace(Tape.params["wow_percent"], default=0.2),
        "flutter_hz": Tape.params["flutter_hz"],
        "flutter_percent": replace(Tape.params["flutter_percent"], default=0.1),
        "mix": EffectParam(0.0, 1.0, 0.35, doc="Share of the echoes in the output."),
    }
    traits = {"causal", "odd"}
    in_pieces = True
    variants = ({}, {"tempo_bpm": 90.0, "interpolation": "linear"})

    def prepare(self) -> None:
        """The line, as long as the longest delay at the lowest speed."""
        super().prepare()
        swing = sum(self.params[f"{name}_percent"].max_val for name in _SWINGS) / 100
        self._longest = math.ceil(self._longest * (1 + swing)) + 1
        self._piece = max(1, int(self._piece * (1 - swing)) - 1)

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        feedback: Tensor,
        drive_db: Tensor,
        lowpass_hz: Tensor,
        highpass_hz: Tensor,
        mix: Tensor,
        **others: Tensor,
    ) -> tuple[Tensor, State]:
        """Record, and play what was recorded; the state is that of all parts, and the drive before."""
        gain = db_to_amp(drive_db)
        starts, line, memory, filters, before = ((None, None), None, None, None, gain) if state is None else state
        line = silent_line(x, x.shape[1], self.interpolation) if line is None else line
        if filters is not None and not (can_look_at(before) and torch.equal(before, gain)):
            # What is on the tape stays as loud as it was, whatever the tape is driven with from now on.
            ratio = gain / before
            line, filters = ((line[0] * ratio, line[1] * ratio), tuple(f * ratio[..., 0] for f in filters))
        low, high = lowpass_pole(lowpass_hz, self.sample_rate), highpass_pole(highpass_hz, self.sample_rate)
        rates = [others[f"{name}_hz"] for name in _SWINGS]
        waves, starts = self._waves(rates, x.shape[-1], starts)
        loop = {"feedback": feedback, "lowpass": low, "highpass": high}

        def read(x: Tensor, way: Tensor, line: Line, where: slice) -> tuple[Tensor, Line]:
            now = {n: k if k is None or k.shape[-1] == 1 else k[..., where] for n, k in loop.items()}
            delay = _delay(way, waves[..., where])
            return line_read(x, delay, line, self._longest, self.interpolation, saturation="tanh", **now)

        played, line, memory = crossfaded(read, x * gain, self._way(others), line, memory, self._fade, self._piece)
        played, filters = toned(played, low, high, filters)
        return torch.lerp(x, played.tanh() / gain, mix), (starts, kept_line(line, x.shape[-1]), memory, filters, gain)

    def tail(self, *, feedback: Tensor, **others: Tensor) -> Tensor:
        """One delay until the last echo of the input begins, then the loop dies away."""
        return 1.03 * self.loop_tail(feedback, self.time(others)) + 0.05

    def curve(self, *, feedback: Tensor, mix: Tensor, **others: Tensor) -> Curve:
        """Levels of the sound and its echoes over time, where they are too weak to saturate."""
        seconds, g, m = (float(k.flatten()[0]) for k in (self.time(others) * self.seconds, feedback, mix))
        echoes = range(count_echoes(g))
        return self.stems([0.0, *((k + 1) * seconds for k in echoes)], [1 - m, *(m * g**k for k in echoes)])

    def _waves(self, rates: list[Tensor], samples: int, starts: tuple) -> tuple[Tensor, tuple]:
        """Sines, then cosines, of wow and flutter, (B, 4, T) float64, and the phases after."""
        turning = [
            [oscillator(rate, self.sample_rate, samples, start, ahead=ahead) for ahead in (0.0, 0.25)]
            for rate, start in zip(rates, starts, strict=True)
        ]
        waves = [turning[k][quarter][0] for quarter in (0, 1) for k in (0, 1)]
        return torch.cat(waves, 1), tuple(pair[0][1] for pair in turning)

    def _way(self, knobs: Mapping[str, Tensor]) -> Tensor:
        """D, the reaches p / (2 pi f) in samples and the angles f D in parts of a turn, (B, 5, 1 or T) float64."""
        D = self.samples(self.time(knobs))
        rates = [knobs[f"{name}_hz"].double() / self.sample_rate for name in _SWINGS]
        reaches = [
            knobs[f"{name}_percent"].double() / (200 * math.pi) / f for name, f in zip(_SWINGS, rates, strict=True)
        ]
        return torch.cat(torch.broadcast_tensors(D, *reaches, *(_TURN * f * D for f in rates)), 1)


def _delay(way: Tensor, waves: Tensor) -> Tensor:
    """The delay of (B, 5, 1 or T), as ``_way`` gives it, and the waves (B, 4, T); (B, 1, T)."""
    D, reach, angle = way.split((1, 2, 2), 1)
    sine, cosine = waves.split(2, 1)
    angle = angle * (2 * math.pi / _TURN)
    return D - (reach * (sine * (1 - angle.cos()) + cosine * angle.sin())).sum(1, keepdim=True)
