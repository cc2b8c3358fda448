"""A short part of two recordings from which an effect that stands still can be found nearly as well."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..dsp.power_spectrogram import power_spectrogram
from .task import Task
from .tone import is_long

_LENGTH = 4096
"""Samples that are compared; as many before them are processed too, for what the effect remembers."""
_SHARE = 6
"""A part so much shorter than the recordings, at least, is worth a search of its own."""
_QUIET = 1e-6
_BANDS = (1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 135, 200, 300, 450)


def short_pair(task: Task, samples: int) -> Task | None:
    """The task of finding the settings from the part of the recordings that says most.

    That is where the most bands are loud at once: the largest sum of the logarithms of their energies.

    Args:
        task: the recordings.
        samples: how many of them count.

    Returns:
        None where the effect changes with time, has no end to its memory that it says, or the recordings are short.
    """
    length = 2 * _LENGTH
    task = task.longest
    samples = min(samples, task.wet.shape[-1])
    if task.sidechain is not None or "time_invariant" not in task.fx.traits or is_long(task.fx):
        return None
    if _SHARE * length > samples:
        return None
    first = _LENGTH * _fullest(task.in_step[0, :, :samples], task.wet[0, :, :samples])
    dry = task.dry[..., first : first + length + task.latency]
    wet = task.wet[..., first + _LENGTH : first + length]
    skipped = _LENGTH + task.latency - task.compensated
    return Task(task.fx, dry, wet, None, task.compensated > 0, skipped, task.level_free)


def _fullest(*sounds: Tensor) -> int:
    """The block of ``_LENGTH`` before the one in which bands of sounds (C, T) are loudest together."""
    levels = 0.0
    for x in sounds:
        powers = power_spectrogram(x[None], 1024, 512)[0].sum(0)  # (bins, frames)
        sums = F.pad(powers.cumsum(0), (0, 0, 1, 0))
        edges = torch.tensor(_BANDS, device=x.device)
        bands = (sums[edges[1:]] - sums[edges[:-1]]).clamp_min(0.0)
        blocks = bands[:, : bands.shape[1] // 8 * 8].unflatten(1, (-1, 8)).sum(-1)  # 8 hops are a block
        levels = levels + (blocks + _QUIET * blocks.amax() + 1e-20).log().sum(0)
    assert isinstance(levels, Tensor)
    return int(levels[1:].argmax())
