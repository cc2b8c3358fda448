"""Choruses."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.oscillator import Shape, oscillator
from ...params import EffectParam
from ...processor import State
from ...recursion import delay_line
from .sweep import SweptEffect, both_sides, sweep_curve, swept_delay

_RATE = EffectParam(0.05, 10.0, 0.8, "log", "Hz", doc="Speed of the oscillator.")
_DEPTH = EffectParam(0.0, 1.0, 0.15, doc="0 stands still, 1 sweeps from one sample to twice the delay.")
_DELAY = EffectParam(5.0, 40.0, None, "log", "ms", doc="Centre of the moving delay.")  # type: ignore[arg-type]
_MIX = EffectParam(0.0, 1.0, 0.5, doc="Share of the moving voice; at 1 it is a vibrato.")
_SIDES = EffectParam(0.0, 180.0, 90.0, unit="deg", doc="Angle of the right oscillator before the left one.")


class Chorus(SweptEffect):
    """A second voice that wavers in pitch and time: y[n] = (1 - m) x[n] + m x(n - d[n]).

    The delay is d = 1 + (D - 1) (1 + depth o(phi[n])) samples. With a sine the pitch wavers by a factor of
    1 +- 2 pi rate depth D, so a long delay wants a small depth.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace; delays must be one sample or longer.
        shape: of the oscillator: "sine", "triangle" or "square" (with rounded corners).
        interpolation: between samples: "lagrange" (10 points, flat within 0.1 dB to 10 kHz at 44.1 kHz), "linear",
            "cubic" or "sinc".

    Raises:
        ValueError: for a range of delays that begins below one sample, or an unknown shape or interpolation.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
    """

    params = {"rate_hz": _RATE, "depth": _DEPTH, "delay_ms": _DELAY, "mix": _MIX}
    neutral = {"mix": 0.0}
    traits = {"linear", "causal", "odd"}
    variants = ({}, {"shape": "square", "interpolation": "cubic"})

    def process(
        self, x: Tensor, state: State, *, rate_hz: Tensor, depth: Tensor, delay_ms: Tensor, mix: Tensor
    ) -> tuple[Tensor, State]:
        """Mix the moving voice with the input; the state is the phase and the line."""
        start, line = (None, None) if state is None else state
        wave, start = oscillator(rate_hz, self.sample_rate, x.shape[-1], start, self.shape)
        delay = swept_delay(delay_ms, depth, wave, self.sample_rate)
        voice, line = delay_line(
            x, delay, interpolation=self.interpolation, max_delay=self._longest, zi=line, return_zf=True
        )
        return torch.lerp(x, voice, mix), (start, line)

    def tail(self, *, delay_ms: Tensor, depth: Tensor, **others: Tensor) -> Tensor:
        """The longest delay of the sweep."""
        return delay_ms * (1 + depth) / 1000 + 16 / self.sample_rate

    def curve(self, *, rate_hz: Tensor, depth: Tensor, delay_ms: Tensor, mix: Tensor) -> Curve:
        """The delay over two turns of the oscillator."""
        return sweep_curve("Chorus", delay_ms, depth, rate_hz, self.shape, self.sample_rate)


class MultiVoiceChorus(SweptEffect):
    """Several wavering voices: y[n] = (1 - m) x[n] + (m / N) sum_i x(n - d_i[n]).

    The voices read one line at delays d_i = 1 + (D - 1) (1 + depth o(phi[n] + i / N)) samples: the same sweep, spread
    evenly over its turn, so while one is sharp another is flat.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace; delays must be one sample or longer.
        num_voices: N, 2 or more.
        shape: of the oscillator: "sine", "triangle" or "square" (with rounded corners).
        interpolation: between samples: "lagrange" (10 points, flat within 0.1 dB to 10 kHz at 44.1 kHz), "linear",
            "cubic" or "sinc".

    Raises:
        ValueError: for a range of delays that begins below one sample, an unknown shape or interpolation, or fewer than
            2 voices.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
    """

    params = {"rate_hz": _RATE, "depth": _DEPTH, "delay_ms": _DELAY, "mix": _MIX}
    neutral = {"mix": 0.0}
    traits = {"linear", "causal", "odd"}
    variants = ({}, {"num_voices": 4, "shape": "square", "interpolation": "cubic"})

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_voices: int = 3,
        shape: Shape = "sine",
        interpolation: str = "lagrange",
    ) -> None:
        if isinstance(num_voices, bool) or not isinstance(num_voices, int) or num_voices < 2:
            raise ValueError(f"MultiVoiceChorus: num_voices must be a whole number from 2 up, got {num_voices!r}")
        super().__init__(sample_rate, param_range, shape=shape, interpolation=interpolation)
        self.num_voices = num_voices

    def process(
        self, x: Tensor, state: State, *, rate_hz: Tensor, depth: Tensor, delay_ms: Tensor, mix: Tensor
    ) -> tuple[Tensor, State]:
        """Mix the moving voices with the input; the state is the phase and the line, which all voices read."""
        start, before = (None, None) if state is None else state
        begin, samples = start, x.shape[-1]
        voices, line = None, before
        for i in range(self.num_voices):
            wave, start = oscillator(rate_hz, self.sample_rate, samples, begin, self.shape, ahead=i / self.num_voices)
            delay = swept_delay(delay_ms, depth, wave, self.sample_rate)
            voice, line = delay_line(
                x, delay, interpolation=self.interpolation, max_delay=self._longest, zi=before, return_zf=True
            )
            voices = voice if voices is None else voices + voice
        assert voices is not None
        return torch.lerp(x, voices / self.num_voices, mix), (start, line)

    def tail(self, *, delay_ms: Tensor, depth: Tensor, **others: Tensor) -> Tensor:
        """The longest delay of the sweep."""
        return delay_ms * (1 + depth) / 1000 + 16 / self.sample_rate

    def curve(self, *, rate_hz: Tensor, depth: Tensor, delay_ms: Tensor, mix: Tensor) -> Curve:
        """The delay of the first voice over two turns of the oscillator."""
        return sweep_curve("MultiVoiceChorus, first voice", delay_ms, depth, rate_hz, self.shape, self.sample_rate)


class StereoChorus(SweptEffect):
    """A chorus a side, their oscillators at an angle: d_L from o(phi[n]), d_R from o(phi[n] + angle / 360).

    Mono in, stereo out: a mono input goes to both sides. At an angle of 0 it is ``Chorus`` on each side; at 180 one
    side is sharp while the other is flat.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace; delays must be one sample or longer.
        shape: of the oscillator: "sine", "triangle" or "square" (with rounded corners).
        interpolation: between samples: "lagrange" (10 points, flat within 0.1 dB to 10 kHz at 44.1 kHz), "linear",
            "cubic" or "sinc".

    Raises:
        ValueError: for a range of delays that begins below one sample, or an unknown shape or interpolation.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
    """

    params = {"rate_hz": _RATE, "depth": _DEPTH, "delay_ms": _DELAY, "phase_deg": _SIDES, "mix": _MIX}
    neutral = {"mix": 0.0}
    traits = {"linear", "causal", "odd"}
    channels = (1, 2)
    channels_out = 2
    variants = ({}, {"shape": "square", "interpolation": "cubic"})

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        rate_hz: Tensor,
        depth: Tensor,
        delay_ms: Tensor,
        phase_deg: Tensor,
        mix: Tensor,
    ) -> tuple[Tensor, State]:
        """Mix a moving voice a side with the input; the state is the phase and the lines."""
        start, line = (None, None) if state is None else state
        x = x.expand(-1, 2, -1)
        ahead = both_sides(phase_deg)
        wave, start = oscillator(rate_hz, self.sample_rate, x.shape[-1], start, self.shape, ahead=ahead)
        delay = swept_delay(delay_ms, depth, wave, self.sample_rate)
        voice, line = delay_line(
            x, delay, interpolation=self.interpolation, max_delay=self._longest, zi=line, return_zf=True
        )
        return torch.lerp(x, voice, mix), (start, line)

    def tail(self, *, delay_ms: Tensor, depth: Tensor, **others: Tensor) -> Tensor:
        """The longest delay of the sweep."""
        return delay_ms * (1 + depth) / 1000 + 16 / self.sample_rate

    def curve(self, *, rate_hz: Tensor, depth: Tensor, delay_ms: Tensor, phase_deg: Tensor, mix: Tensor) -> Curve:
        """The delay of the left side over two turns of the oscillator."""
        return sweep_curve("StereoChorus, left", delay_ms, depth, rate_hz, self.shape, self.sample_rate)
