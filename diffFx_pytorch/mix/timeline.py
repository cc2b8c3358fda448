"""Pieces of sound files on a line of time, block by block."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..files import read_blocks


@dataclass(frozen=True)
class Placed:
    """A piece of a sound file in samples of the mix.

    Args:
        file: sound file.
        start: first sample in the mix.
        offset: first sample of the piece in the file, at the rate of the mix.
        frames: length.
        gain: as an amplitude.
        fade_in: length of the fade at the beginning.
        fade_out: length of the fade at the end.
    """

    file: Path
    start: int
    offset: int
    frames: int
    gain: float = 1.0
    fade_in: int = 0
    fade_out: int = 0

    @property
    def end(self) -> int:
        """The sample after the last."""
        return self.start + self.frames


def timeline(pieces: Sequence[Placed], total: int, frames: int, sample_rate: int) -> Iterator[np.ndarray]:
    """The sum of pieces in blocks of stereo; only files that sound in a block are open.

    Args:
        pieces: in any order.
        total: samples in all.
        frames: of a block; the last may be shorter.
        sample_rate: of the mix, in Hz.

    Yields:
        float32 (T, 2); mono is given to both sides.
    """
    waiting, playing = deque(sorted(pieces, key=lambda piece: piece.start)), []
    for first in range(0, total, frames):
        block = np.zeros((min(frames, total - first), 2), np.float32)
        while waiting and waiting[0].start < first + len(block):
            playing.append(_Playing(waiting.popleft(), frames, sample_rate))
        for one in playing:
            one.add_to(block, first)
        playing = [one for one in playing if one.left]
        yield block


class _Playing:
    """A piece that sounds: what was read of it and is not yet played."""

    def __init__(self, piece: Placed, frames: int, sample_rate: int) -> None:
        self._piece, self.left = piece, piece.frames
        self._blocks = read_blocks(piece.file, frames, sample_rate, piece.offset, piece.frames)
        self._read = np.zeros((0, 2), np.float32)

    def add_to(self, block: np.ndarray, first: int) -> None:
        """Add what of the piece sounds in a block that begins at sample ``first`` of the mix."""
        piece = self._piece
        done = piece.frames - self.left
        into = block[max(0, piece.start + done - first) :][: self.left]
        sound = self._next(len(into)) * np.float32(piece.gain)
        if piece.fade_in > done:
            sound *= _fade(np.arange(done, done + len(sound)), piece.fade_in)
        if piece.fade_out > self.left - len(sound):
            sound *= _fade(np.arange(self.left - 1, self.left - 1 - len(sound), -1), piece.fade_out)
        into += sound
        self.left -= len(into)

    def _next(self, count: int) -> np.ndarray:
        parts, have = [self._read], len(self._read)
        while have < count:
            parts.append(next(self._blocks))
            have += len(parts[-1])
        # Mono goes to both sides.
        together = np.concatenate([np.broadcast_to(part, (len(part), 2)) for part in parts])
        self._read = together[count:]
        return together[:count]


def _fade(place: np.ndarray, length: int) -> np.ndarray:
    """A raised cosine from 0 to 1 over ``length`` samples, (T, 1)."""
    position = np.clip((place + 0.5) / length, 0.0, 1.0)
    return np.square(np.sin(0.5 * np.pi * position)).astype(np.float32)[:, None]
