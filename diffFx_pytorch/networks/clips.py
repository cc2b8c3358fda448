"""Sound files that random pieces are taken from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..files import audio_info, read_blocks, resampled_frames
from ..notices import notify
from ..render.atomic import replacing
from ..render.formats import FORMATS

Cache = Literal["memory"] | str | os.PathLike[str] | None

_BLOCK = 1 << 18
_MEMORY = 2 << 30
"""Bytes that a process keeps of decoded files."""


class Clips:
    """Files of sound at one rate, with so many channels, of which pieces are read.

    Args:
        source: a folder, with those in it, a file, or several of either.
        sample_rate: in Hz; files of other rates are resampled.
        channels: 1 mixes to mono; 2 takes mono twice, and the first two of more.
        cache: "memory" keeps what was decoded, up to 2 GiB a process; a folder keeps it there, for all processes and
            runs; None reads each piece anew.

    Raises:
        ValueError: where no file can be read, naming each reason.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        sample_rate: int,
        channels: int,
        cache: Cache,
    ) -> None:
        paths = _paths(source)
        self.sample_rate, self.channels, self.cache = sample_rate, channels, cache
        self.paths, frames, broken = [], [], []
        for path in paths:
            try:
                count = resampled_frames(audio_info(path), sample_rate)
                if not count:
                    raise ValueError(f"{path}: has no samples")
            except (OSError, ValueError) as error:
                broken.append(str(error))
            else:
                self.paths.append(path)
                frames.append(count)
        if not self.paths:
            why = "; ".join(broken[:3]) if broken else f"there is no sound file ({', '.join(FORMATS)}) in {source}"
            raise ValueError(f"no sound to learn from: {why}")
        if broken:
            notify(f"{len(broken)} of {len(paths)} files are left out: {'; '.join(broken[:3])}")
        self.frames = np.array(frames)
        self._kept: dict[int, np.ndarray] = {}
        self._bytes = 0
        self._broken: set[int] = set()

    def __getstate__(self) -> dict[str, Any]:
        """What a worker is sent: no sound."""
        return {**self.__dict__, "_kept": {}, "_bytes": 0}

    def piece(self, file: int, start: int, frames: int) -> np.ndarray | None:
        """Samples (channels, frames) from ``start``, silent after the end; None where the file turns out broken."""
        if file in self._broken:
            return None
        try:
            sound = self._read(file, start, frames)
        except (OSError, ValueError) as error:
            self._broken.add(file)
            notify(f"left out: {error}")
            return None
        return np.pad(sound, ((0, 0), (0, frames - sound.shape[1]))) if sound.shape[1] < frames else sound

    def _read(self, file: int, start: int, frames: int) -> np.ndarray:
        if file not in self._kept:
            if self.cache is None:
                return self._decoded(file, start, frames)
            if self.cache != "memory":
                self._kept[file] = self._on_disk(file)
            else:
                size = 4 * self.channels * int(self.frames[file])
                if self._bytes + size > _MEMORY:
                    return self._decoded(file, start, frames)
                self._kept[file] = self._decoded(file, 0, None)
                self._bytes += size
        return np.asarray(self._kept[file][:, start : start + frames])

    def _decoded(self, file: int, start: int, frames: int | None) -> np.ndarray:
        rate = None if self.sample_rate == audio_info(self.paths[file]).sample_rate else self.sample_rate
        sound = np.concatenate(list(read_blocks(self.paths[file], _BLOCK, rate, start, frames)) or [np.zeros((0, 1))])
        if self.channels == 1:
            sound = sound.mean(1, keepdims=True)
        elif sound.shape[1] != self.channels:
            sound = np.broadcast_to(sound[:, :1], (len(sound), self.channels)) if sound.shape[1] == 1 else sound[:, :2]
        return np.ascontiguousarray(sound.T, np.float32)

    def _on_disk(self, file: int) -> np.ndarray:
        path = self.paths[file]
        status = path.stat()
        said = f"{path.resolve()} {status.st_size} {status.st_mtime_ns} {self.sample_rate} {self.channels}"
        kept = Path(self.cache) / f"{hashlib.sha256(said.encode()).hexdigest()[:32]}.npy"  # type: ignore[arg-type]
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            with replacing(kept) as part, part.open("wb") as out:
                np.save(out, self._decoded(file, 0, None))
        return np.load(kept, mmap_mode="r")


def _paths(source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    given = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    found: list[Path] = []
    for path in map(Path, given):
        inside = (p for p in path.rglob("*") if p.suffix.lower() in FORMATS and p.is_file())
        found += sorted(inside) if path.is_dir() else [path]
    return found
