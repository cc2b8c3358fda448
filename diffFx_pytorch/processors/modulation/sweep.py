"""A delay that an oscillator moves: what choruses, flangers and vibratos share."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import amp_to_db
from ...dsp.oscillator import SHAPES, Shape, oscillator
from ...params import EffectParam
from ...processor import Processor
from ..delay.time import check_interpolation


class SweptEffect(Processor):
    """Base of the effects that sweep a delay: oscillator, interpolation and the length of the line.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        shape: of the oscillator.
        interpolation: between samples.

    Raises:
        ValueError: for an unknown shape or interpolation, or a range of delays that is too short.
    """

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        shape: Shape = "sine",
        interpolation: str = "lagrange",
    ) -> None:
        super().__init__(sample_rate, param_range)
        name = type(self).__name__
        check_shape(name, shape)
        check_interpolation(name, interpolation, recursive=False)
        self.shape: Shape = shape
        self.interpolation = interpolation
        self._longest = longest_sweep(name, self.params, sample_rate)


def check_shape(owner: str, shape: str) -> None:
    """Refuse what is no shape of an oscillator, in the name of ``owner``.

    Raises:
        ValueError: with the legal ones.
    """
    if shape not in SHAPES:
        raise ValueError(f"{owner}: unknown shape {shape!r}; shapes are {', '.join(SHAPES)}")


def longest_sweep(owner: str, table: Mapping[str, EffectParam], sample_rate: float) -> int:
    """Samples that hold the longest delay a sweep around ``delay_ms`` can reach, twice its centre.

    Raises:
        ValueError: for a range that begins below one sample, in the name of ``owner``.
    """
    row, one_sample = table["delay_ms"], 1000 / sample_rate
    if row.min_val < one_sample:
        raise ValueError(
            f"{owner}: delay_ms begins at {row.min_val:g}; a delay must be one sample or longer: from {one_sample:g} "
            "up at this sample rate"
        )
    return math.ceil(2 * row.max_val / one_sample) + 1


def swept_delay(centre_ms: Tensor, depth: Tensor, wave: Tensor, sample_rate: float) -> Tensor:
    """Delay in samples, d = 1 + (D - 1) (1 + depth o): at depth 1 from one sample to about twice the centre.

    Args:
        centre_ms: D in ms, (B, 1, 1 or T).
        depth: 0 .. 1, likewise.
        wave: o, the oscillator's, (B, C, T), float64.
        sample_rate: in Hz.

    Returns:
        (B, C, T), float64, 1 or longer.
    """
    span = centre_ms.double() * (sample_rate / 1000) - 1
    return torch.addcmul(1 + span, span * depth, wave).clamp_min(1.0)


def both_sides(phase_deg: Tensor) -> Tensor:
    """How far the oscillators of left and right are ahead (B, 2, 1 or T) in turns, the right one by ``phase_deg``."""
    turns = phase_deg.double() / 360
    return torch.cat([torch.zeros_like(turns), turns], 1)


def sweep_curve(title: str, centre_ms: Tensor, depth: Tensor, rate_hz: Tensor, shape: Shape, rate: float) -> Curve:
    """The delay over two turns of the oscillator, for the first item."""
    first = rate_hz[:1, :1, :1]
    wave, _ = oscillator(first, rate, int(float(2 / first) * rate), shape=shape)
    delay = swept_delay(centre_ms[:1, :1, :1], depth[:1, :1, :1], wave, rate)
    time = torch.arange(delay.shape[-1]) / rate
    return Curve(time, delay[0, 0] * (1000 / rate), "time (s)", "delay (ms)", title=title)


def comb_curve(title: str, delay_ms: Tensor, mix: Tensor, feedback: Tensor | None = None) -> Curve:
    """Level over frequency at the centre of the sweep, to six teeth of the comb, for the first item."""
    seconds, m = float(delay_ms.flatten()[0]) / 1000, float(mix.flatten()[0])
    g = 0.0 if feedback is None else float(feedback.flatten()[0])
    freq = torch.linspace(0, 6 / seconds, 1500, dtype=torch.float64)
    late = torch.polar(torch.ones_like(freq), -2 * math.pi * freq * seconds)
    level = amp_to_db((1 - m + m * late / (1 - g * late)).abs(), floor_db=-80.0)
    return Curve(freq, level, "frequency (Hz)", "level (dB)", title=title)
