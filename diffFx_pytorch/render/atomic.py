"""Files that appear whole or not at all, and stay."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, which does not remove a file that is open
    fcntl = None

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
"""Numbers of errors after which nothing more can be written."""

_LITTLE = 1 << 16
_FULL_WORDS = ("no space", "quota exceeded")


class WriteError(OSError):
    """A file that could not be written; ``errno`` is one of ``FULL`` where the disk is full.

    Args:
        target: the file to be.
        why: end of the sentence.
        number: of the error, as the system counts.
    """

    def __init__(self, target: Path, why: str, number: int | None = None) -> None:
        # An encoder that buffers does not say why its last bytes are missing.
        if number is None and (any(w in why.lower() for w in _FULL_WORDS) or _free(target.parent) < _LITTLE):
            number = errno.ENOSPC
        full = "the disk is full" if number in FULL else ""
        super().__init__(f"cannot write {target}: {full or why}")
        self.errno = number


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """A context in which the errors of a system call are those of writing ``target``."""
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(target, str(error.strerror or error), error.errno) from None


def _free(folder: Path) -> float:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return float("inf")


@contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to; it replaces ``target`` when the block ends without an error, and is removed otherwise.

    It lies in the folder of ``target``, so that taking its place is one step of the file system; its name is hidden and
    ends in ``.part``, and short, for that of the target may be as long as a file system allows. It is locked while it
    is written, so that ``remove_dead_parts`` knows those of processes that were killed. What it holds is on the disk
    before it takes its place.

    Args:
        target: the file to be.

    Yields:
        The path to write to, an empty file.

    Raises:
        WriteError: if there is no such folder, or it takes no file.
    """
    target = Path(target)
    part = target.with_name(f".difffx-{os.getpid()}-{secrets.token_hex(4)}.part")
    with writing(target):
        lock: int | None = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    try:
        if fcntl is None:
            os.close(lock)
            lock = None
        else:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield part
        with writing(target):
            _sync(part)
            os.replace(part, target)
        if fcntl is not None:
            with contextlib.suppress(OSError):  # the name is there; that it stays is beyond some file systems
                _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


def remove_dead_parts(folder: Path) -> int:
    """Remove what processes that were killed left behind in a folder.

    Returns:
        How many files that were.
    """
    removed = 0
    for part in folder.glob(".difffx-*.part"):
        with contextlib.suppress(OSError):  # written just now by another process, or gone
            if fcntl is not None:
                with open(part, "rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    part.unlink()
            else:
                part.unlink()
            removed += 1
    return removed


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY if fcntl is not None else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
