"""The predelay and the share that all reverbs have in common."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...dsp.interpolation import POINTS
from ...params import EffectParam
from ...processor import State
from ...recursion.ops.delay_line import silent_line
from ..delay.crossfade import FADE_MS, faded_read
from ..tiles import all_equal

PREDELAY = EffectParam(
    0.0, 200.0, 0.0, unit="ms", search="echo", doc="Silence between the sound and its reverberation."
)
MIX = EffectParam(0.0, 1.0, 0.3, doc="Share of the reverberation in the output.")

INTERPOLATION = "lagrange"


def longest_predelay(param: EffectParam, rate: float) -> int:
    """The most samples a row of the table asks for."""
    return math.ceil(param.max_val * rate / 1000) + 1


def predelayed(x: Tensor, predelay_ms: Tensor, longest: int, rate: float, state: State) -> tuple[Tensor, State]:
    """A signal (B, C, T), later by up to ``longest`` samples, cross-faded where the predelay steps; then the state."""
    line, memory = (None, None) if state is None else state
    if all_equal(predelay_ms, 0.0) and (memory is None or not memory.any()):
        # What most settings are; the line is kept up all the same, for the next block may be later.
        line = silent_line(x, x.shape[1], INTERPOLATION) if line is None else line
        past = longest + POINTS[INTERPOLATION] // 2
        recent = x[..., -past:]
        older = line[0][..., max(0, line[0].shape[-1] + recent.shape[-1] - past) :]
        # In its full length at once: from the second on all blocks of a stream are alike.
        missing = x.new_zeros(*x.shape[:-1], past - older.shape[-1] - recent.shape[-1])
        line = torch.cat([missing, older, recent], -1), line[1]
        return x, (line, x.new_zeros((x.shape[0], 4), dtype=torch.float64))
    delay = predelay_ms.double() * (rate / 1000)
    return faded_read(x, delay, state, longest, INTERPOLATION, round(FADE_MS / 1000 * rate))
