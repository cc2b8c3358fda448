"""The task of a fit: an effect, a dry and a wet signal, aligned in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from ..processor import Processor
from ..routing import Chain
from .losses import residual_db

Loss = Callable[[Tensor, Tensor], Tensor]
"""From y (B, C, T) and target (1, C, T) to one number per item, (B,)."""
Read = TypeVar("Read")

_BLOCK = 2**19
"""Samples processed at once where no gradient is needed: few enough to stay in a cache."""
_QUIETEST = 1e-4
"""The least gain that a recorder may have had (-80 dB)."""


class Task:
    """The aligned signals; runs any number of settings over an excerpt of them.

    Args:
        fx: the effect.
        dry: (1, C, T).
        wet: (1, C', T'); dry is cut or followed by silence to its length.
        sidechain: (1, C, T) or None.
        compensate_latency: whether wet is aligned with dry, so that the latency of the effect must be removed.
        skipped: samples of the processed signal that wet lacks at its beginning.
        level_free: whether wet may be louder or quieter by any gain: each processed signal then has the gain with which
            it is nearest to wet (variable projection).

    Raises:
        ValueError: for other shapes.
    """

    def __init__(
        self,
        fx: Processor,
        dry: Tensor,
        wet: Tensor,
        sidechain: Tensor | None = None,
        compensate_latency: bool = True,
        skipped: int = 0,
        level_free: bool = False,
    ) -> None:
        for name, signal in {"dry": dry, "wet": wet}.items():
            if signal.dim() != 3 or signal.shape[0] != 1 or signal.shape[-1] == 0:
                raise ValueError(f"{type(fx).__name__}: {name} must be (1, C, T), got shape {tuple(signal.shape)}")
        self.fx, self.wet, self.level_free = fx, wet, level_free
        self._read: dict[Callable[..., Any], Any] = {}
        self.compensated = fx.latency_samples if compensate_latency else 0
        self.latency = self.compensated + skipped
        length = wet.shape[-1] + self.latency
        self.dry = F.pad(dry, (0, length - dry.shape[-1]))
        self.sidechain = None if sidechain is None else F.pad(sidechain, (0, length - sidechain.shape[-1]))

    @property
    def longest(self) -> Task:
        """The task of one pair: this one."""
        return self

    def of(self, fx: Processor) -> Task:
        """The same recordings with an effect that sounds nearly alike, whatever its latency."""
        skipped = self.latency - self.compensated
        task = Task(fx, self.dry, self.wet, self.sidechain, self.compensated > 0, skipped, self.level_free)
        task._read = self._read
        return task

    def read(self, look: Callable[[Task], Read]) -> Read:
        """What a function of the two recordings sees in them; it looks once, however many searches ask."""
        if look not in self._read:
            self._read[look] = look(self)
        return self._read[look]  # type: ignore[no-any-return]

    @property
    def in_step(self) -> Tensor:
        """The dry sound in step with the wet one, (1, C, T)."""
        return self.dry[..., self.latency - self.compensated :][..., : self.wet.shape[-1]]

    def samples(self, seconds: float | None) -> int:
        """Length of an excerpt; None is all."""
        whole = self.wet.shape[-1]
        return whole if seconds is None else min(whole, max(1, round(seconds * self.fx.sample_rate)))

    def run(self, positions: Tensor, samples: int) -> Tensor:
        """The first samples of the processed signal at every setting: (B, P) to (B, C', samples)."""
        length, batch = samples + self.latency, len(positions)
        key = None if self.sidechain is None else self.sidechain[..., :length].expand(batch, -1, -1)
        x = self.dry[..., :length].expand(batch, -1, -1)
        return self._levelled(self.fx(x, norm_params=positions, sidechain=key)[..., self.latency :])

    @torch.no_grad()
    def sounds(self, positions: Tensor, samples: int) -> Tensor:
        """The processed signals of all settings, without gradient, a few at a time: (B, P) to (B, C', samples).

        An effect of a chain runs once for all settings that agree on it and on those before it.
        """
        x, which = self.dry[..., : samples + self.latency], torch.zeros(len(positions), dtype=torch.long)
        if not isinstance(self.fx, Chain) or self.sidechain is not None:
            return torch.cat([self.run(p, samples) for p in positions.split(self.together(samples))])
        first = 0
        for fx in self.fx:
            knobs = positions[:, first : first + len(fx.params)]
            first += len(fx.params)
            here = torch.cat([which[:, None].to(knobs), knobs], 1)
            distinct, which = here.unique(dim=0, return_inverse=True)
            pairs = distinct.split(self.together(samples))
            x = torch.cat([fx(x[p[:, 0].long()], norm_params=p[:, 1:]) for p in pairs])
        return self._levelled(x[which][..., self.latency :])

    def level(self, sounds: Tensor) -> Tensor:
        """The gains with which sounds (B, C', n) are nearest to the first n samples of wet, (B,), none below 0."""
        target = self.wet[..., : sounds.shape[-1]]
        own = (sounds * target).sum((1, 2)) / sounds.square().sum((1, 2)).clamp_min(1e-20)
        return own.clamp(_QUIETEST, 1 / _QUIETEST)

    def _levelled(self, sounds: Tensor) -> Tensor:
        return sounds * self.level(sounds)[:, None, None] if self.level_free else sounds

    @torch.no_grad()
    def losses(self, positions: Tensor, loss: Loss, samples: int) -> Tensor:
        """Loss of every setting, without gradient, a few at a time: (B, P) to (B,)."""
        target = self.wet[..., :samples]
        return torch.cat([loss(self.run(p, samples), target) for p in positions.split(self.together(samples))])

    def residuals(self, positions: Tensor) -> Tensor:
        """Residual in dB over the whole signal of every setting, (B,)."""
        return self.losses(positions, residual_db, self.wet.shape[-1])

    def together(self, samples: int) -> int:
        """How many settings are run at once."""
        return max(1, _BLOCK // (samples * self.dry.shape[1]))
