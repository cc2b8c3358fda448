"""Examples without end: pieces of recordings, rendered with random settings while a network learns."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..processor import Processor
from .clips import Cache, Clips
from .sampling import Rule, SettingSampler

_TRIES = 8
_QUIET = 1e-3
"""Root mean square, -60 dB, under which a piece is drawn anew."""


class RandomEffects(Dataset[dict[str, Any]]):
    """Random pieces of recordings, and what a chain makes of them with random settings.

        data = RandomEffects(chain, "recordings/", seconds=3.0)
        for batch in DataLoader(data, batch_size=16, num_workers=2):
            loss = criterion(chain(batch["dry"], norm_params=net(batch["wet"])), batch["wet"])

    Item i is the same in every process, worker and run, alone or in a batch (to rounding): its random numbers come from
    ``seed``, the epoch and i. Workers may be forked or spawned. A loader's batch is rendered in one call. ``wet`` is
    ``chain(dry, norm_params=...)``, so late by the chain's latency, if it has one.

    Args:
        chain: the effect or chain, on the CPU.
        folder: of recordings, with those below it; a file, or several of either. A file of another rate is resampled, a
            short one is followed by silence, one that is broken is left out, with a notice. Long files are drawn more
            often, so that every second is as likely.
        seconds: length of an item.
        items: of an epoch.
        sampling: how knobs are drawn: ``SettingSampler``'s rules.
        seed: of all random numbers.
        reference: whether there is a second piece, of another file where there are several, with the same settings.
        channels: of the sound; None is 1, or what the chain takes.
        cache: of decoded files: "memory", a folder, or None (``Clips``).

    Item:
        ``dry`` (C, T), ``wet`` (C', T), ``norm_params`` (P,), ``index``; with ``reference``, ``reference`` (C', T).

    Raises:
        ValueError: where there is nothing to read, for wrong rules, or a time that is not positive.
    """

    def __init__(
        self,
        chain: Processor,
        folder: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        seconds: float = 3.0,
        items: int = 10_000,
        sampling: Literal["musical", "uniform"] | Mapping[str, Rule] = "musical",
        seed: int = 0,
        reference: bool = False,
        channels: int | None = None,
        cache: Cache = "memory",
    ) -> None:
        if not seconds > 0 or items < 1:
            raise ValueError(f"RandomEffects: seconds and items must be positive, got {seconds!r} and {items!r}")
        legal = chain.channels or (1,)
        self.chain, self.items, self.seed, self.reference = chain, items, seed, reference
        self.frames = max(1, round(seconds * chain.sample_rate))
        self.sampler = SettingSampler(chain, sampling, seconds)
        self.clips = Clips(folder, round(chain.sample_rate), legal[0] if channels is None else channels, cache)
        self.epoch = 0

    def __len__(self) -> int:
        """Items of an epoch."""
        return self.items

    def set_epoch(self, epoch: int) -> None:
        """Draw other items from here on; workers that stay (``persistent_workers``) keep theirs."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        """One item."""
        return self.__getitems__([index])[0]

    @torch.no_grad()
    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """The items of a batch, rendered together."""
        drawn = [self._drawn(int(index)) for index in indices]
        settings = torch.stack([positions for positions, _ in drawn])
        sounds = [torch.from_numpy(np.stack(piece)) for piece in zip(*(pieces for _, pieces in drawn), strict=True)]
        wet = [self._rendered(sound, settings) for sound in sounds]
        items = []
        for i, index in enumerate(indices):
            item = {"dry": sounds[0][i], "wet": wet[0][i], "norm_params": settings[i], "index": int(index)}
            items.append({**item, "reference": wet[1][i]} if self.reference else item)
        return items

    def _rendered(self, dry: Tensor, settings: Tensor) -> Tensor:
        return self.chain(dry, norm_params=settings)  # type: ignore[return-value]  # a tensor gives a tensor

    def _drawn(self, index: int) -> tuple[Tensor, list[np.ndarray]]:
        """Positions, and the piece or both."""
        if not 0 <= index < self.items:
            raise IndexError(f"RandomEffects: item {index} of {self.items}")
        rng = np.random.default_rng((self.seed, self.epoch, index))
        positions = self.sampler.draw(rng)
        file, piece = self._piece(rng, None)
        return positions, [piece, self._piece(rng, file)[1]] if self.reference else [piece]

    def _piece(self, rng: np.random.Generator, other_than: int | None) -> tuple[int, np.ndarray]:
        clips, best, heard = self.clips, None, -1.0
        share = clips.frames / clips.frames.sum()
        if other_than is not None and len(share) > 1:
            share = np.where(np.arange(len(share)) == other_than, 0.0, share)
            share = share / share.sum()
        for _ in range(_TRIES):
            file = int(rng.choice(len(share), p=share))
            start = int(rng.integers(0, max(1, int(clips.frames[file]) - self.frames + 1)))
            piece = clips.piece(file, start, self.frames)
            level = -1.0 if piece is None else float(np.sqrt(np.mean(np.square(piece))))
            if piece is not None and level > heard:
                best, heard = (file, piece), level
            if heard > _QUIET:
                break
        if best is None:
            raise RuntimeError(f"RandomEffects: {_TRIES} files in turn could not be read; the notices say why")
        return best
