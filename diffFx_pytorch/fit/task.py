"""The task of a fit: an effect, a dry and a wet signal, aligned in time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ..processor import Processor
from ..routing import Chain
from .losses import residual_db

Loss = Callable[[Tensor, Tensor], Tensor]
"""From y (B, C, T) and target (1, C, T) to one number per item, (B,)."""

_BLOCK = 2**19
"""Samples processed at once where no gradient is needed: few enough to stay in a cache."""


class Task:
    """The aligned signals; runs any number of settings over an excerpt of them.

    Args:
        fx: the effect.
        dry: (1, C, T).
        wet: (1, C', T'); dry is cut or followed by silence to its length.
        sidechain: (1, C, T) or None.
        compensate_latency: whether wet is aligned with dry, so that the latency of the effect must be removed.
        skipped: samples of the processed signal that wet lacks at its beginning.

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
    ) -> None:
        for name, signal in {"dry": dry, "wet": wet}.items():
            if signal.dim() != 3 or signal.shape[0] != 1 or signal.shape[-1] == 0:
                raise ValueError(f"{type(fx).__name__}: {name} must be (1, C, T), got shape {tuple(signal.shape)}")
        self.fx, self.wet = fx, wet
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
        return Task(fx, self.dry, self.wet, self.sidechain, self.compensated > 0, skipped)

    def samples(self, seconds: float | None) -> int:
        """Length of an excerpt; None is all."""
        whole = self.wet.shape[-1]
        return whole if seconds is None else min(whole, max(1, round(seconds * self.fx.sample_rate)))

    def run(self, positions: Tensor, samples: int) -> Tensor:
        """The first samples of the processed signal at every setting: (B, P) to (B, C', samples)."""
        length, batch = samples + self.latency, len(positions)
        key = None if self.sidechain is None else self.sidechain[..., :length].expand(batch, -1, -1)
        x = self.dry[..., :length].expand(batch, -1, -1)
        return self.fx(x, norm_params=positions, sidechain=key)[..., self.latency :]

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
        return x[which][..., self.latency :]

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
