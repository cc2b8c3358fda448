"""One fit to several pairs of recordings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..processor import Processor
from .task import Task

_SECONDS = 6.0
_LEAST_S = 0.25
_MOST = 24


class Pairs(Task):
    """Tasks of one effect, seen as one: what is heard of each, one after another, each processed from silence on.

    Of each pair the beginning is taken, six seconds in all and at least a quarter of a second of each; of more than 24
    pairs as many, evenly spread.

    Args:
        tasks: of the same effect, with as many channels.

    Raises:
        ValueError: for pairs of different numbers of channels.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        used = [tasks[i * len(tasks) // min(len(tasks), _MOST)] for i in range(min(len(tasks), _MOST))]
        if len({(task.dry.shape[1], task.wet.shape[1]) for task in used}) > 1:
            raise ValueError("pairs must have one number of channels; fit those with others on their own")
        self.tasks, self.fx, self.latency, self.sidechain = used, used[0].fx, used[0].latency, None
        self.compensated, self.level_free, self._read = used[0].compensated, used[0].level_free, {}
        each = max(_LEAST_S, _SECONDS / len(used))
        self.taken = [task.samples(each) for task in used]
        self.wet, self.dry = (
            torch.cat([part(task)[..., :n] for task, n in zip(used, self.taken, strict=True)], -1)
            for part in (lambda task: task.wet, lambda task: task.in_step)
        )

    @property
    def in_step(self) -> Tensor:
        """The dry sounds in step with the wet ones, (1, C, T)."""
        return self.dry

    @property
    def longest(self) -> Task:
        """The task of the longest pair."""
        return max(self.tasks, key=lambda task: task.wet.shape[-1])

    def of(self, fx: Processor) -> Task:
        """The same recordings with another effect."""
        pairs = Pairs([task.of(fx) for task in self.tasks])
        pairs._read = self._read
        return pairs

    def samples(self, seconds: float | None) -> int:
        """All of it: half of it would be half of the pairs."""
        return self.wet.shape[-1]

    @torch.no_grad()
    def sounds(self, positions: Tensor, samples: int) -> Tensor:
        """Every pair at every setting, without gradient: (B, P) to (B, C', samples)."""
        sounds = [task.sounds(positions, n) for task, n in zip(self.tasks, self.taken, strict=True)]
        return torch.cat(sounds, -1)[..., :samples]

    def run(self, positions: Tensor, samples: int) -> Tensor:
        """Every pair at every setting: (B, P) to (B, C', samples)."""
        runs = [task.run(positions, n) for task, n in zip(self.tasks, self.taken, strict=True)]
        return torch.cat(runs, -1)[..., :samples]
