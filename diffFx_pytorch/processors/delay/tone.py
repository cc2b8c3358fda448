"""Tone of echoes: one-pole filters that are open exactly at the end of their range."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...params import EffectParam
from ..tiles import all_equal

TONE = {
    "lowpass_hz": EffectParam(
        500.0, 20000.0, 20000.0, "log", "Hz", doc="Low-pass that darkens each echo; off at the top of its range."
    ),
    "highpass_hz": EffectParam(
        20.0, 2000.0, 20.0, "log", "Hz", doc="High-pass that thins each echo; off at the bottom of its range."
    ),
}


def lowpass_pole(freq_hz: Tensor, sample_rate: float) -> Tensor | None:
    """Coefficient of a one-pole low-pass, exp(-2 pi f / fs) (1 - (f / f_open)^4): open at 20 kHz or 0.49 fs.

    The factor is hardly below 1 wherever the filter is heard. None where the filter is known to be open.
    """
    pole = _pole(freq_hz, sample_rate) * _heard(freq_hz / TONE["lowpass_hz"].at_rate(sample_rate).max_val)
    return None if all_equal(pole, 0.0) else pole


def highpass_pole(freq_hz: Tensor, sample_rate: float) -> Tensor | None:
    """Coefficient of the one-pole low-pass that a high-pass takes away: 1, which leaves all, at 20 Hz.

    None where the filter is known to be open.
    """
    pole = 1 - (1 - _pole(freq_hz, sample_rate)) * _heard(TONE["highpass_hz"].min_val / freq_hz)
    return None if all_equal(pole, 1.0) else pole


def _pole(freq_hz: Tensor, sample_rate: float) -> Tensor:
    return torch.exp(freq_hz.double() * (-2 * math.pi / sample_rate))


def _heard(closeness: Tensor) -> Tensor:
    return 1 - closeness.double().clamp_max(1.0) ** 4
