"""Pictures of whole files, drawn in the background: an hour takes seconds to read."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from ..files import AudioInfo
from . import pictures


class Overview:
    """The picture of one file at a time."""

    def __init__(self) -> None:
        self._about: Any = None
        self._found: dict[str, Any] = {}
        self._lock = threading.Lock()

    def of(self, path: Path, info: AudioInfo) -> dict[str, Any]:
        """What is known of a file by now: ``low``, ``high``, of ``columns``, and whether it is ``done``."""
        about = (str(path), path.stat().st_mtime_ns)
        with self._lock:
            if about != self._about:
                self._about, self._found = about, {"low": [], "high": [], "columns": 1, "done": False}
                threading.Thread(target=self._read, args=(about, path, info), daemon=True).start()
            return self._found

    def _read(self, about: Any, path: Path, info: AudioInfo) -> None:
        problem = ""
        found: dict[str, Any] = {"low": [], "high": [], "columns": 1}
        try:
            for found in pictures.overview(path, info):
                if not self._keep(about, {**found, "low": [*found["low"]], "high": [*found["high"]], "done": False}):
                    return
        except (OSError, ValueError) as error:
            problem = str(error)
        self._keep(about, {**found, "done": True, "problem": problem})

    def _keep(self, about: Any, found: dict[str, Any]) -> bool:
        with self._lock:
            if about == self._about:
                self._found = found
            return about == self._about
