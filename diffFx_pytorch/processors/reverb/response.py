"""What the reverbs share that are a response made of their knobs: convolution that streams, width and mix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.partitioned_convolution import convolve_block, needed_taps
from ...dsp.room_analysis import energy_decay_curve
from ...params import EffectParam
from ...processor import State
from ...recursion import one_pole
from ..delay.tone import highpass_pole, lowpass_pole
from ..tiles import all_equal, is_known
from .predelay import PREDELAY

WIDTH = EffectParam(0.0, 2.0, 1.0, doc="Of the reverberation: 0 is mono, 1 as it is, 2 twice the sides.")
EARLIEST = replace(PREDELAY, automatable=False)
"""The predelay of a response that is made of its knobs."""


def reverberate(
    x: Tensor,
    state: State,
    respond: Callable[[int], Tensor],
    taps: int,
    knobs: tuple[Tensor, ...],
    *,
    version: int = 0,
    latency: int = 0,
    matrix: bool = False,
) -> tuple[Tensor, State]:
    """Convolve a block with a response that is made anew only when a knob has moved.

    Args:
        x: (B, C, T).
        state: what the block before returned; None is silence.
        respond: makes the first so many samples of the response, (B, C, L) or with ``matrix`` (B, O, I, L). Made for
            what the sound so far can meet: a short signal does not pay for a long response.
        taps: length of the whole response.
        knobs: that the response is made of, (B, 1, 1) each.
        version: a number that changes when anything else does.
        latency: as for ``convolve_block``.
        matrix: as for ``convolve_block``.

    Returns:
        ``(wet, state)``.
    """
    play, kept, made_for = (None, None, x[..., :0]) if state is None else state
    setting = torch.cat([k.detach().double() for k in knobs], -1)
    setting = torch.cat((setting, torch.full_like(setting[..., :1], float(version))), -1)
    needed = needed_taps(play, x.shape[-1], taps)
    if (
        kept is not None
        and kept.shape[-1] >= needed
        and all(map(is_known, knobs))
        and is_known(kept)
        and torch.equal(made_for, setting)
    ):
        h = kept
    else:
        h = respond(needed)
    # The same tensor, not a view of it, tells the convolution that its spectra still hold.
    heard = h if h.shape[-1] == needed else h[..., :needed]
    wet, play = convolve_block(x, heard, play, taps=taps, latency=latency, matrix=matrix)
    return wet, (play, h, setting)


def blend(x: Tensor, wet: Tensor, width: Tensor, mix: Tensor) -> Tensor:
    """Sides of the reverberation times width, then the mixture with the sound: (B, 1 or 2, T) each to (B, 2, T)."""
    wet = wet.expand(-1, 2, -1)
    if not all_equal(width, 1.0):
        side = (0.5 * (width - 1)) * (wet[:, :1] - wet[:, 1:])
        wet = wet + torch.cat((side, -side), 1)
    return torch.lerp(x.expand(-1, 2, -1), wet, mix)


def darkened(h: Tensor, lowpass_hz: Tensor, highpass_hz: Tensor, sample_rate: float) -> Tensor:
    """A response through the one-pole filters of ``delay.tone``: h (B, C, L), knobs (B, 1, 1)."""
    low, high = lowpass_pole(lowpass_hz, sample_rate), highpass_pole(highpass_hz, sample_rate)
    if low is not None:
        h = one_pole(h, low.squeeze(-1), moving=False)  # type: ignore[assignment]  # no state is asked for
    return h if high is None else h - one_pole(h, high.squeeze(-1), moving=False)  # type: ignore[operator]


def heard_seconds(h: Tensor, sample_rate: float, level_db: float = -66.0) -> Tensor:
    """Seconds until the energy still to come has fallen to ``level_db``, the longest of a batch (B, C, L)."""
    left = energy_decay_curve(h.square().sum(1).sqrt())
    return (left > level_db).sum(-1).max() / sample_rate


def decay_curve(h: Tensor, sample_rate: float, title: str) -> Curve:
    """Level of the energy still to come in a response (C, L), at some 500 points."""
    left = energy_decay_curve(h.detach().double().square().sum(0).sqrt()).clamp_min(-80.0)
    step = max(1, h.shape[-1] // 500)
    time = torch.arange(0, h.shape[-1], step, dtype=torch.float64) / sample_rate
    return Curve(time, left[::step], "time (s)", "energy still to come (dB)", title=title)
