"""A digest of a chain file and of every file it names."""

from __future__ import annotations

import hashlib
from pathlib import Path

import yaml

from .chain_file import ChainFile


def chain_digest(chain_file: ChainFile) -> str:
    """SHA-256 of the text of a chain file and the content of the files it names, and those name in turn.

    Every word that is the name of a file, beside the chain file or in the working folder, counts as one.
    """
    digest = hashlib.sha256()
    source = Path(chain_file.source)
    _add(digest, chain_file.text, source.parent if source.is_file() else Path(), set())
    return digest.hexdigest()


def _add(digest: hashlib._Hash, text: str, folder: Path, seen: set[Path]) -> None:
    digest.update(text.encode() + b"\0")
    for word in sorted({event.value for event in yaml.parse(text) if isinstance(event, yaml.ScalarEvent)}):
        for place in (folder / word, Path(word)):
            try:
                if not word or not place.is_file() or place.resolve() in seen:
                    continue
                content = place.read_bytes()
            except (OSError, ValueError):  # too long for a name, or not ours to read: building the chain says so
                continue
            seen.add(place.resolve())
            digest.update(hashlib.sha256(content).digest())
            if place.suffix.lower() in (".yaml", ".yml"):
                _add(digest, content.decode(errors="replace"), place.parent, seen)
