"""Tone of echoes: one-pole filters that are open exactly at the end of their range."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...params import EffectParam
from ...processor import State
from ...recursion import one_pole
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


def toned(x: Tensor, low: Tensor | None, high: Tensor | None, state: State) -> tuple[Tensor, State]:
    """F of a loop, outside of it: a signal (B, C, T) through both filters; the state is the last of each.

    Args:
        x: the signal.
        low: of ``lowpass_pole``; None is open.
        high: of ``highpass_pole``; None is open.
        state: what the block before returned; None is silence.
    """
    if not x.shape[-1]:
        return x, state
    dark, rumble = (x.new_zeros(x.shape[:-1], dtype=torch.float64),) * 2 if state is None else state
    if low is None:
        dark = x[..., -1].to(dark.dtype)
    else:
        x, dark = one_pole(x, low, dark, return_zf=True)
    if high is not None:
        below, rumble = one_pole(x, high, rumble, return_zf=True)
        x = x - below
    return x, (dark, rumble)


def _pole(freq_hz: Tensor, sample_rate: float) -> Tensor:
    return torch.exp(freq_hz.double() * (-2 * math.pi / sample_rate))


def _heard(closeness: Tensor) -> Tensor:
    return 1 - closeness.double().clamp_max(1.0) ** 4
