"""A folder of compiled kernels that every checkout, process and thread of a user shares.

A file is named by the digest of all that its content follows from, written under another name and moved into place:
whoever reads it finds all of it or nothing, and no one waits for another.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

LIMIT = 1 << 30
"""Bytes that the folder may hold before what was not used for longest is deleted."""

_DAY = 86400.0
_CHECK = hashlib.sha256
_state = {"warned": False, "pruned": False}


def folder() -> Path | None:
    """Where compiled kernels are kept, or None where this user has no place for them.

    The first of ``$DIFFFX_CACHE``, ``$NUMBA_CACHE_DIR/diffFx_pytorch``, ``$XDG_CACHE_HOME/diffFx_pytorch`` and the
    platform's folder for caches (``~/.cache`` on Linux) that is given.
    """
    if chosen := os.environ.get("DIFFFX_CACHE"):
        return Path(chosen).absolute()
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        if chosen := os.environ.get(name):
            return Path(chosen).absolute() / "diffFx_pytorch"
    places = {"win32": os.environ.get("LOCALAPPDATA", "~/AppData/Local"), "darwin": "~/Library/Caches"}
    place = Path(os.path.expanduser(places.get(sys.platform, "~/.cache"))) / "diffFx_pytorch"
    return place if place.is_absolute() else None


def read(name: str) -> bytes | None:
    """The content of a file, or None where there is none or it is damaged."""
    place = folder()
    if place is None:
        return None
    path = place / name
    try:
        content = path.read_bytes()
        if time.time() - path.stat().st_mtime > _DAY:
            with contextlib.suppress(OSError):  # the time of last use; a folder that only reads has none
                os.utime(path)
    except OSError:
        return None
    size = _CHECK().digest_size
    return content[size:] if _CHECK(content[size:]).digest() == content[:size] else None


def write(name: str, content: bytes) -> None:
    """Keep a file; where that is impossible, warn once in the life of a process."""
    try:
        place = folder()
        if place is None:
            raise OSError("there is no home folder")
        place.mkdir(parents=True, exist_ok=True)
        _write_whole(place / name, _CHECK(content).digest() + content)
        if not _state["pruned"]:
            _state["pruned"] = True
            prune(place)
    except OSError as error:
        if not _state["warned"]:
            _state["warned"] = True
            warnings.warn(
                f"compiled kernels cannot be kept ({error}): every process compiles its own. "
                "Set DIFFFX_CACHE to a folder that can be written.",
                stacklevel=2,
            )


def _write_whole(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)  # of a folder that is filled for others
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def prune(place: Path, limit: int = LIMIT) -> None:
    """Delete files, longest unused first, until ``limit`` bytes are left; none that was used within a day."""
    found = []
    for entry in os.scandir(place):
        with contextlib.suppress(OSError):  # another process deleted it
            status = entry.stat()
            found.append((status.st_mtime, status.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    yesterday = time.time() - 2 * _DAY  # the time of use is written once a day
    for used, size, path in sorted(found):
        if used > yesterday or (total <= limit and not path.endswith(".part")):
            continue
        with contextlib.suppress(OSError):
            os.unlink(path)
        total -= size
