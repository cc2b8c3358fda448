"""A box of somebody else's with knobs of ours: streamed, and not differentiable."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..processor import Processor, State

CHUNK = 64
"""Samples that a plugin is given at a time, always: some begin anew when the length of their blocks grows."""
_PROBED_SECONDS = 1.0


def host() -> Any:
    """The package.

    Raises:
        ValueError: where it is not installed.
    """
    try:
        import pedalboard  # type: ignore[import-not-found]  # an extra
    except ImportError as error:
        raise ValueError("plugins are hosted by pedalboard, which is not installed: pip install pedalboard") from error
    return pedalboard


class Hosted(Processor, abstract=True):
    """Base of what runs in a plugin; a subclass gives ``made`` and ``turn``.

    The plugin computes in float32 and on the CPU, an instance for each item of the batch. It lives in the state of a
    stream, which can only go on from where it is. A chain with it in it can be fitted as far as it stands before what
    is learned: a gradient for its input is refused, its knobs are fixed.
    """

    variants = ()

    def made(self) -> Any:
        """A new plugin."""
        raise NotImplementedError

    def turn(self, plugin: Any, name: str, value: float) -> None:
        """Turn a knob of a plugin."""
        setattr(plugin, name, value)

    def prepare(self) -> None:
        """Learn how late the plugin is, from what it gives for a second of silence."""
        self.latency_samples = CHUNK - 1 + self._late()

    def _late(self) -> int:
        plugin, silence, behind, most = self.made(), np.zeros((2, CHUNK), np.float32), 0, 0
        for _ in range(int(_PROBED_SECONDS * self.sample_rate) // CHUNK):
            behind += CHUNK - self._through(plugin, silence).shape[-1]
            most = max(most, behind)
        return most

    def _through(self, plugin: Any, x: np.ndarray) -> np.ndarray:
        return plugin.process(x, self.sample_rate, buffer_size=CHUNK, reset=False)

    def process(self, x: Tensor, state: State, **knobs: Tensor) -> tuple[Tensor, State]:
        """Each item through its plugin.

        Raises:
            ValueError: where a gradient is asked for, and for a state that the plugins have left behind.
        """
        if x.requires_grad and torch.is_grad_enabled():
            raise ValueError(
                f"{type(self).__name__} is a plugin, through which no gradient goes; put it before what is learned, or "
                "call it under torch.no_grad()"
            )
        sound = x.detach().cpu().float().numpy()
        if state is None:
            state = {"at": 0, "players": tuple(_Player(self, len(item)) for item in sound)}
        players, at = state["players"], state["at"]
        if any(player.at != at for player in players):
            raise ValueError(
                f"{type(self).__name__} is a plugin and cannot go back: the state is not that of its last block"
            )
        done = []
        for i, (player, item) in enumerate(zip(players, sound, strict=True)):
            values = {name: float(v.detach()[i if v.shape[0] > 1 else 0, 0, 0]) for name, v in knobs.items()}
            done.append(player(item, values))
        y = torch.from_numpy(np.stack(done)).to(x)
        return y, {"at": at + x.shape[-1], "players": players}


class _Player:
    """A plugin with what it holds between blocks."""

    def __init__(self, fx: Hosted, channels: int) -> None:
        self.fx, self.plugin, self.at = fx, fx.made(), 0
        self._held = np.zeros((channels, 0), np.float32)
        self._ready = np.zeros((channels, fx.latency_samples), np.float32)
        self._turned: dict[str, float] = {}

    def __call__(self, x: np.ndarray, values: dict[str, float]) -> np.ndarray:
        for name, value in values.items():
            if self._turned.get(name) != value:
                self.fx.turn(self.plugin, name, value)
                self._turned[name] = value
        held = np.concatenate([self._held, x], 1)
        whole = held.shape[1] // CHUNK * CHUNK
        self._held = held[:, whole:]
        if whole:
            given = self.fx._through(self.plugin, np.ascontiguousarray(held[:, :whole]))
            if len(given) != len(x):
                raise ValueError(f"turns {len(x)} channels into {len(given)}; give it so many")
            self._ready = np.concatenate([self._ready, given], 1)
        frames = x.shape[1]
        if self._ready.shape[1] < frames:
            raise ValueError("is later than it was when it was built; build it at the setting it is used at")
        y, self._ready = self._ready[:, :frames], self._ready[:, frames:]
        self.at += frames
        return y
