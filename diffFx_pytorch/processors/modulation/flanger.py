"""Flangers."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import decay_seconds
from ...dsp.oscillator import oscillator
from ...params import EffectParam
from ...processor import State
from ...recursion import delay_line, delay_state_length, feedback_delay
from .sweep import SweptEffect, both_sides, comb_curve, swept_delay

_RATE = EffectParam(0.02, 10.0, 0.3, "log", "Hz", doc="Speed of the oscillator.")
_DEPTH = EffectParam(0.0, 1.0, 0.7, doc="0 stands still, 1 sweeps from one sample to twice the delay.")
_DELAY = EffectParam(0.5, 10.0, None, "log", "ms", doc="Centre of the moving delay.")  # type: ignore[arg-type]
_MIX = EffectParam(0.0, 1.0, 0.5, doc="Share of the delayed sound; the notches are deepest at 0.5.")
_FEEDBACK = EffectParam(-0.99, 0.99, 0.6, doc="Resonance; negative puts the peaks between.")
_SIDES = EffectParam(0.0, 180.0, 90.0, unit="deg", doc="Angle of the right oscillator before the left one.")


class Flanger(SweptEffect):
    """The sound and a copy that moves: y[n] = (1 - m) x[n] + m x(n - d[n]).

    The delay is d = 1 + (D - 1) (1 + depth o(phi[n])) samples. At a mix of 0.5 there are notches at (k + 1/2) / d,
    which sweep as d does.

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
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.6.
    """

    params = {"rate_hz": _RATE, "depth": _DEPTH, "delay_ms": _DELAY, "mix": _MIX}
    neutral = {"mix": 0.0}
    traits = {"linear", "causal", "odd"}
    variants = ({}, {"shape": "square", "interpolation": "cubic"})

    def process(
        self, x: Tensor, state: State, *, rate_hz: Tensor, depth: Tensor, delay_ms: Tensor, mix: Tensor
    ) -> tuple[Tensor, State]:
        """Mix the moving copy with the input; the state is the phase and the line."""
        start, line = (None, None) if state is None else state
        wave, start = oscillator(rate_hz, self.sample_rate, x.shape[-1], start, self.shape)
        delay = swept_delay(delay_ms, depth, wave, self.sample_rate)
        late, line = delay_line(
            x, delay, interpolation=self.interpolation, max_delay=self._longest, zi=line, return_zf=True
        )
        return torch.lerp(x, late, mix), (start, line)

    def tail(self, *, delay_ms: Tensor, depth: Tensor, **others: Tensor) -> Tensor:
        """The longest delay of the sweep."""
        return delay_ms * (1 + depth) / 1000 + 16 / self.sample_rate

    def curve(self, *, delay_ms: Tensor, mix: Tensor, **others: Tensor) -> Curve:
        """Level over frequency at the centre of the sweep."""
        return comb_curve("Flanger", delay_ms, mix)


class FeedbackFlanger(SweptEffect):
    """A flanger that rings: w[n] = x[n] + g w(n - d[n]), y[n] = (1 - m) x[n] + m w(n - d[n]).

    The delay is d = 1 + (D - 1) (1 + depth o(phi[n])) samples. Peaks of 1 / (1 - g) at k / d for a positive g, halfway
    between for a negative one.

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
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.6.
    """

    params = {"rate_hz": _RATE, "depth": _DEPTH, "delay_ms": _DELAY, "feedback": _FEEDBACK, "mix": _MIX}
    neutral = {"mix": 0.0}
    traits = {"linear", "causal", "odd"}
    variants = ({}, {"shape": "square", "interpolation": "cubic"})

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        rate_hz: Tensor,
        depth: Tensor,
        delay_ms: Tensor,
        feedback: Tensor,
        mix: Tensor,
    ) -> tuple[Tensor, State]:
        """Mix the ringing copy with the input; the state is the phase and the line."""
        if state is None:
            length = delay_state_length(self._longest, self.interpolation)
            state = None, x.new_zeros((*x.shape[:-1], length), dtype=torch.float64)
        start, line = state
        wave, start = oscillator(rate_hz, self.sample_rate, x.shape[-1], start, self.shape)
        delay = swept_delay(delay_ms, depth, wave, self.sample_rate)
        late, line = feedback_delay(x, delay, feedback, interpolation=self.interpolation, zi=line, return_zf=True)
        return torch.lerp(x, late, mix), (start, line)

    def tail(self, *, delay_ms: Tensor, depth: Tensor, feedback: Tensor, **others: Tensor) -> Tensor:
        """The longest delay of the sweep, then the loop dies away."""
        seconds = (delay_ms * (1 + depth) / 1000).amax() + 16 / self.sample_rate
        return seconds + decay_seconds(feedback, seconds).amax()

    def curve(self, *, delay_ms: Tensor, feedback: Tensor, mix: Tensor, **others: Tensor) -> Curve:
        """Level over frequency at the centre of the sweep."""
        return comb_curve("FeedbackFlanger", delay_ms, mix, feedback)


class StereoFlanger(SweptEffect):
    """A flanger a side, their oscillators at an angle: d_L from o(phi[n]), d_R from o(phi[n] + angle / 360).

    Each side is ``FeedbackFlanger``. Mono in, stereo out: a mono input goes to both sides.

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

    params = {
        "rate_hz": _RATE,
        "depth": _DEPTH,
        "delay_ms": _DELAY,
        "feedback": _FEEDBACK,
        "phase_deg": _SIDES,
        "mix": _MIX,
    }
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
        feedback: Tensor,
        phase_deg: Tensor,
        mix: Tensor,
    ) -> tuple[Tensor, State]:
        """Mix a ringing copy a side with the input; the state is the phase and the lines."""
        x = x.expand(-1, 2, -1)
        if state is None:
            length = delay_state_length(self._longest, self.interpolation)
            state = None, x.new_zeros((*x.shape[:-1], length), dtype=torch.float64)
        start, line = state
        ahead = both_sides(phase_deg)
        wave, start = oscillator(rate_hz, self.sample_rate, x.shape[-1], start, self.shape, ahead=ahead)
        delay = swept_delay(delay_ms, depth, wave, self.sample_rate)
        late, line = feedback_delay(x, delay, feedback, interpolation=self.interpolation, zi=line, return_zf=True)
        return torch.lerp(x, late, mix), (start, line)

    def tail(self, *, delay_ms: Tensor, depth: Tensor, feedback: Tensor, **others: Tensor) -> Tensor:
        """The longest delay of the sweep, then the loop dies away."""
        seconds = (delay_ms * (1 + depth) / 1000).amax() + 16 / self.sample_rate
        return seconds + decay_seconds(feedback, seconds).amax()

    def curve(self, *, delay_ms: Tensor, feedback: Tensor, mix: Tensor, **others: Tensor) -> Curve:
        """Level over frequency at the centre of the sweep."""
        return comb_curve("StereoFlanger", delay_ms, mix, feedback)
