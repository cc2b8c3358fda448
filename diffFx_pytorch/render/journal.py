"""What was rendered into a folder, and from what: a line of JSON for each file that was begun or finished."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from .. import __version__
from .atomic import WriteError, writing
from .settings import RenderSettings

_PIECE = 1 << 20
_NAME = ".difffx-journal"


def content_hash(path: str | os.PathLike[str], told: Callable[[float], None] | None = None) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
            if told is not None:
                told(0.0)
    return found.hexdigest()


def recipe_hash(chain: str, settings: RenderSettings) -> str:
    """What an output follows from but for the input: the chain, the settings, this version."""
    return _digest(__version__, chain, asdict(replace(settings, measure=False)))


def job_key(recipe: str, source_hash: str, target: Path) -> str:
    """What an output follows from."""
    return _digest(recipe, source_hash, target.suffix.lower())


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Journal:
    """The journal of an output folder.

    A target is entered when its rendering begins, and again, with what it follows from and the hash of its content,
    when it is there. Lines are appended, each in one piece; one that was cut off by the end of a process is passed
    over.

    Args:
        folder: of the outputs.
        chain: digest of the chain and the files it names, as ``presets.chain_digest`` gives it.

    Raises:
        OSError: if it cannot be read, or later written.
    """

    def __init__(self, folder: str | os.PathLike[str], chain: str) -> None:
        self.folder, self.chain = Path(folder), chain
        self._records: dict[str, dict[str, str]] = {}
        self._file: int | None = None
        try:
            lines = (self.folder / _NAME).read_bytes().split(b"\n")
        except FileNotFoundError:
            lines = []
        for line in lines:
            try:
                record = json.loads(line)
                self._records[record["target"]] = record
            except (ValueError, KeyError, TypeError):
                continue

    def record(self, target: Path) -> dict[str, str] | None:
        """What is known of a target: ``key`` and ``output`` of one that was finished; None of one never begun."""
        return self._records.get(self._name(target))

    def begin(self, target: Path) -> None:
        """Enter a target that is about to be rendered."""
        self._add({"target": self._name(target)})

    def end(self, target: Path, key: str, output: str) -> None:
        """Enter a target that is there: ``job_key`` and ``content_hash``."""
        self._add({"target": self._name(target), "key": key, "output": output})

    def close(self) -> None:
        """Close the file; what is entered afterwards opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _name(self, target: Path) -> str:
        return Path(os.path.relpath(target, self.folder)).as_posix()

    def _add(self, record: dict[str, str]) -> None:
        with writing(self.folder / _NAME):
            if self._file is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self.folder / _NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
                os.write(self._file, b"\n" if os.fstat(self._file).st_size else b"")
            line = json.dumps(record).encode("ascii") + b"\n"
            if os.write(self._file, line) < len(line):
                raise WriteError(self.folder / _NAME, "the disk is full", errno.ENOSPC)
        self._records[record["target"]] = record
