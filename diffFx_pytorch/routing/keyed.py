"""An effect whose side chain is a sound file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..control import KnobValue
from ..files import audio_info, read_blocks
from ..options import Given
from ..plan import Through
from ..processor import Processor, State
from .routing import Routing, effects_and_settings, one_effect


class Keyed(Routing):
    """An effect with the sound of a file as its side chain: y = fx(x, sidechain=key).

    The file begins where the signal does, whatever latency stands before the effect, and is silent after its end; it is
    read as far as blocks need it, resampled where its rate is another. ``Keyed(Compressor(), key="kick.wav")`` has the
    knobs ``compressor.ratio``, ...

    Args:
        effect: one that takes a side chain, named by its class in snake case.
        key: path of the sound file. A mono one is heard by all channels; so is the mean of one with other channels than
            the signal.
        given: instead of ``effect``, the effect with its name; settings.

    Raises:
        ValueError: for a file that cannot be read, none or more than one effect, or one that takes no side chain.
        TypeError: for what is no Processor.
    """

    options = {"key": Given(None, str | os.PathLike, "the path of a sound file", doc="Heard as the side chain.")}

    def __init__(
        self, effect: Processor | None = None, *, key: str | os.PathLike[str], **given: Processor | KnobValue
    ) -> None:
        named, settings = effects_and_settings(given)
        steps = one_effect("Keyed", effect, named)
        ((self._name, fx),) = steps.items()
        if not fx.takes_sidechain:
            raise ValueError(f"Keyed: {type(fx).__name__} takes no sidechain")
        self._late = 0
        super().__init__(steps, settings={"key": os.fspath(key), **settings})  # type: ignore[dict-item]  # an option
        self.takes_sidechain, self.traits = False, frozenset()
        self.neutral = self._neutral_of_effects() or {}
        self.latency_samples = fx.latency_samples
        self.channels, self.channels_out = fx.channels, fx.channels_out

    def prepare(self) -> None:
        """The file is there and can be read."""
        self.read_knobs_at({})
        try:
            audio_info(self.key)
        except OSError as error:
            raise ValueError(str(error)) from None

    def arrive(self, late: int) -> None:
        """The key waits as long as the signal did."""
        self._late = late
        super().arrive(late)

    def process(self, x: Tensor, state: State, *, effects: Mapping[str, Through]) -> tuple[Tensor, State]:
        """The effect, and the part of the file that belongs to the block."""
        at, inner = (0, None) if state is None else (state["at"], state["effect"])
        key = self._part(at - self._late, x.shape[-1]).to(x)
        if key.shape[0] not in (1, x.shape[1]):
            key = key.mean(0, True)
        y, inner = effects[self._name](x, inner, key.expand(x.shape[0], -1, -1))
        return y, {"at": at + x.shape[-1], "effect": inner}

    def tail(self, **knobs: Tensor) -> float | Tensor:
        """The effect's."""
        return self._tail_of(self._name, knobs)

    def told_first(self, values: Mapping[str, Any]) -> str:
        """The file."""
        return f"keyed by {Path(self.key).name}"

    def _part(self, first: int, frames: int) -> Tensor:
        """Samples of the file, (C, frames), from ``first`` on; silence before its beginning and after its end."""
        before = min(max(-first, 0), frames)
        wanted = frames - before
        read = read_blocks(self.key, max(wanted, 1), round(self.sample_rate), max(first, 0), wanted) if wanted else ()
        blocks = [np.zeros((before, 1), np.float32), *read]
        channels = max(block.shape[1] for block in blocks)
        sound = np.concatenate([np.broadcast_to(block, (len(block), channels)) for block in blocks])
        return torch.nn.functional.pad(torch.from_numpy(np.ascontiguousarray(sound.T)), (0, frames - len(sound)))
