"""What effects share that take something away from a sound, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...dsp.whole_delay import delayed
from ...options import Number
from ...processor import Processor, State
from .recorded import exports, recorded

_OVERLAP = 4
WINDOW = Number(2, 500, 32.0, "ms", doc="Window N in milliseconds, rounded to a power of two samples.")


class Framed(Processor, abstract=True):
    """Base of effects that take something away from every frame; a subclass gives ``taken``.

    Frames of N samples, N / 4 apart: what is left alone comes out as it went in, N - 1 samples later.
    """

    window_ms: float
    _profile: Tensor | None
    _description: str

    def taken(
        self, frames: Tensor, state: Mapping[str, Any], profile: Tensor | None, **at: Tensor
    ) -> tuple[Tensor, dict[str, Any]]:
        """What is taken away in every frame, to be added up, and its state.

        Args:
            frames: (B, C, frames, N), that end in the block, at least one.
            state: what this returned before, and more; empty before the first.
            profile: of an effect that is built with a sound.
            at: the knobs at the frames, (B, 1, 1, frames or 1).
        """
        raise NotImplementedError(f"{type(self).__name__} defines no taken()")

    def prepare_frames(self) -> None:
        """The frames."""
        self.window = 2 ** round(math.log2(max(_OVERLAP * 2, self.window_ms * self.sample_rate / 1000)))
        self.hop = self.window // _OVERLAP
        self.latency_samples = self.window - 1
        # Knobs are read at the end of a frame and act on all of it.
        self.knob_latency = dict.fromkeys(self.params, int(self.window) // 2 - 1)
        self.register_buffer("_profile", None, persistent=False)

    def process(self, x: Tensor, state: State, **knobs: Tensor) -> tuple[Tensor, State]:
        """Frames and what is taken away; the state holds the sound waiting to be framed and to be heard."""
        if state is None and exports():
            return recorded(self._description, x, self._profile, **knobs), {"whole": x.new_zeros(0)}
        if state and "whole" in state:
            raise ValueError(
                "this state is of an exported program, which begins with a whole sound; export run() with a state, "
                "which fx.run(x)[1] gives"
            )
        return self._framed(x, state or {}, self._profile, knobs)

    def whole(self, x: Tensor, profile: Tensor | None, **knobs: Tensor) -> Tensor:
        """A whole sound, with the profile of a recording of the noise."""
        return self._framed(x, {}, profile, knobs)[0]

    def _framed(
        self, x: Tensor, state: dict[str, Any], profile: Tensor | None, knobs: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Any]]:
        T, N, H = x.shape[-1], self.window, self.hop
        silence = x.new_zeros(*x.shape[:-1], N - 1)
        line = torch.cat((state.get("line", silence[..., : N - H]), x), -1)
        delayed_x, dry = delayed(x, N - 1, state.get("dry"))
        # The line holds all of the last frame but its first hop, and what came since.
        since = line.shape[-1] - T - (N - H)
        frames = (since + T) // H
        # What has been taken away from samples up to the end of the last frame, the first heard being that N - 1 ago.
        taken = state.get("taken", silence)
        taken = F.pad(taken, (0, N - 1 - since + frames * H - taken.shape[-1]))
        new_state = {"line": line[..., frames * H :], "dry": dry}
        if frames:
            at = {name: self._at_frames(knob, H - 1 - since) for name, knob in knobs.items()}
            pieces, own = self.taken(line.unfold(-1, N, H), state, profile, **at)
            new_state.update(own)
            taken = taken + F.pad(_overlap_add(pieces, H), (H - 1 - since, 0))
        else:
            new_state.update({k: v for k, v in state.items() if k not in ("line", "dry", "taken")})
        new_state["taken"] = taken[..., T:]
        return delayed_x - taken[..., :T], new_state

    def _at_frames(self, knob: Tensor, first: int) -> Tensor:
        """The knob at the last sample of every frame, the first of which is ``first``: (B, 1, 1, frames or 1)."""
        return (knob if knob.shape[-1] == 1 else knob[..., first :: self.hop]).unsqueeze(-2)

    def tail(self, **knobs: Tensor) -> float:
        """A frame: it reaches past the end of the sound that is in it."""
        return self.window / self.sample_rate


class FramedGain(Framed, abstract=True):
    """Base of effects that take a share of every band of every frame away; a subclass gives ``shares``.

    Frames are under a root of a Hann window, before and after.
    """

    _root: Tensor

    def shares(
        self, X: Tensor, state: Mapping[str, Any], profile: Tensor | None, **at: Tensor
    ) -> tuple[Tensor, dict[str, Any]]:
        """What is taken away from spectra X (B, C, frames, F), 0 .. 1, as (B, C or 1, F, frames), and its state.

        Args:
            X: of the frames that end in the block, at least one.
            state: what this returned before, and more; empty before the first.
            profile: of an effect that is built with a sound.
            at: the knobs at the frames, (B, 1, 1, frames or 1).
        """
        raise NotImplementedError(f"{type(self).__name__} defines no shares()")

    def prepare_frames(self) -> None:
        """The frames and their window."""
        super().prepare_frames()
        root = torch.hann_window(self.window, periodic=True, dtype=torch.float64).sqrt()
        self.register_buffer("_root", root, persistent=False)

    def taken(
        self, frames: Tensor, state: Mapping[str, Any], profile: Tensor | None, **at: Tensor
    ) -> tuple[Tensor, dict[str, Any]]:
        """The shares of the bands, as sound."""
        root = self._root.to(frames.dtype)
        X = torch.fft.rfft(frames * root)
        share, own = self.shares(X, state, profile, **at)
        return torch.fft.irfft(X * share.mT, n=self.window) * (root / 2), own


def _overlap_add(frames: Tensor, hop: int) -> Tensor:
    """Frames (..., M, 4 hop), a hop apart, added up: (..., (M + 3) hop)."""
    parts = frames.unflatten(-1, (_OVERLAP, hop)).unbind(-2)
    return sum(F.pad(part, (0, 0, k, _OVERLAP - 1 - k)) for k, part in enumerate(parts)).flatten(-2)  # type: ignore[union-attr]
