"""What the reverbs that are graphs of delay lines have in common."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.room_analysis import energy_decay_curve
from ...params import EffectParam
from ...recursion import delay_line, delay_state_length
from ..tiles import all_equal

PREDELAY = EffectParam(0.0, 200.0, 0.0, unit="ms", doc="Time before the reverberation begins.")


def predelayed(
    x: Tensor, predelay_ms: Tensor, longest_ms: float, rate: float, line: Tensor | None
) -> tuple[Tensor, Tensor]:
    """A signal (B, 1, T), later by up to ``longest_ms``, and the line after it."""
    longest = math.ceil(longest_ms * rate / 1000) + 1
    if line is None:
        line = x.new_zeros(x.shape[0], 1, delay_state_length(longest, "cubic"), dtype=torch.float64)
    if all_equal(predelay_ms, 0.0):
        # What most settings are; the line is kept up all the same, for the next block may be later.
        past = line.shape[-1] - delay_state_length(0, "cubic") + 2
        return x, torch.cat([torch.cat([line[..., :past], x.double()], -1)[..., -past:], line[..., past:]], -1)
    return delay_line(x, predelay_ms.double() * (rate / 1000), interpolation="cubic", zi=line, return_zf=True)  # type: ignore[return-value]


def decay(h: Tensor, rate: float, title: str) -> Curve:
    """Level of the energy still to come in a response (C, L), at some 500 points."""
    level = energy_decay_curve(h.double().square().sum(0).sqrt()).clamp_min(-90.0)[:: max(1, h.shape[-1] // 500)]
    time = torch.arange(level.shape[-1], dtype=torch.float64) * (max(1, h.shape[-1] // 500) / rate)
    return Curve(time, level, "time (s)", "energy still to come (dB)", title=title)
