"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to; it replaces ``target`` when the block ends without an error, and is removed otherwise.

    It lies in the folder of ``target``, so that taking its place is one step of the file system; its name is hidden and
    ends in ``.part``, and short, for that of the target may be as long as a file system allows.

    Args:
        target: the file to be.

    Yields:
        The path to write to; nothing is there yet.
    """
    target = Path(target)
    part = target.with_name(f".difffx-{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        yield part
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
