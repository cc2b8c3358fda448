"""The folder that the studio may read and write, and nothing outside of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..files import audio_info
from ..render.formats import FORMATS

KEPT = ".difffx-studio"
"""Folder, below the one that was given, in which the studio remembers the session."""
_MOST_LISTED = 500
_CHAINS = (".yaml", ".yml", ".json")


class Folder:
    """Names of files below a folder, as paths; whatever leads out of it is refused.

    Args:
        root: the folder, which is there.

    Raises:
        ValueError: if it is no folder.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).resolve()
        if not self.root.is_dir():
            raise ValueError(f"{root}: is no folder")

    def path(self, name: str) -> Path:
        """The path of a name below the folder, links followed.

        Raises:
            ValueError: for a name that leads out of the folder, or is none.
        """
        if not name or "\0" in name or len(name) > 1000:
            raise ValueError(f"{name[:80]!r} is no name of a file")
        found = (self.root / name).resolve()
        if found == self.root or not found.is_relative_to(self.root):
            raise ValueError(f"{name}: lies outside of {self.root.name}, the folder that the studio was given")
        return found

    def name(self, path: Path) -> str:
        """The name of a path below the folder."""
        return path.resolve().relative_to(self.root).as_posix()

    def free_name(self, name: str) -> str:
        """The name that a file dropped into the folder gets: its own, without folders, numbered where that is taken."""
        plain = re.sub(r"[^\w .()+-]", "_", Path(name.replace("\\", "/")).name).strip(" .") or "sound"
        stem, suffix = os.path.splitext(plain[-120:])
        found, count = f"{stem}{suffix}", 1
        while (self.root / found).exists():
            count += 1
            found = f"{stem}-{count}{suffix}"
        return found

    def sounds(self) -> list[dict[str, Any]]:
        """The sound files, by name, with their lengths; those that cannot be read say why."""
        return [self._about(path) for path in self._below(tuple(FORMATS))]

    def chains(self) -> list[str]:
        """The names of what may be chain files."""
        return [self.name(path) for path in self._below(_CHAINS)]

    def check_words(self, content: Any) -> None:
        """Refuse a text in which a word names a file outside of the folder.

        Args:
            content: plain Python, as a chain file says it.

        Raises:
            ValueError: naming the file.
        """
        for word in _words(content):
            try:
                outside = len(word) < 1000 and any(
                    place.exists() and not place.resolve().is_relative_to(self.root)
                    for place in (self.root / word, Path(word))
                )
            except (OSError, ValueError):  # no name of a file
                continue
            if outside and ("/" in word or "\\" in word or "." in word):
                raise ValueError(f"{word}: lies outside of {self.root.name}, the folder that the studio was given")

    def _about(self, path: Path) -> dict[str, Any]:
        said: dict[str, Any] = {"name": self.name(path)}
        try:
            info = audio_info(path)
        except (OSError, ValueError) as error:
            return {**said, "problem": str(error)}
        return {**said, "seconds": info.frames / info.sample_rate, "rate": info.sample_rate, "channels": info.channels}

    def _below(self, suffixes: tuple[str, ...]) -> list[Path]:
        found: list[Path] = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))[:_MOST_LISTED]
            paths = (Path(folder, name) for name in sorted(files) if not name.startswith("."))
            found += [path for path in paths if path.suffix.lower() in suffixes]
            if len(found) > _MOST_LISTED:
                break
        return [path for path in found[:_MOST_LISTED] if path.resolve().is_relative_to(self.root)]


def _words(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _words(key)
            yield from _words(value)
    elif isinstance(content, (list, tuple)):
        for value in content:
            yield from _words(value)
    elif isinstance(content, str):
        yield content
