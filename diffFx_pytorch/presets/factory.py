"""Factory presets: chain files that come with the package, by name."""

from __future__ import annotations

import os
from pathlib import Path

from ..control import unknown_name
from ..files import check_regular
from .nodes import ChainFileError

_FOLDER = Path(__file__).parent / "data"


def presets() -> dict[str, Path]:
    """The factory presets by name, with their files."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}


def text_of(source: str | os.PathLike[str], folder: Path | None = None) -> tuple[str, str]:
    """The text of a chain file or a factory preset, and its name for error messages.

    A file takes precedence of a preset of the same name.

    Args:
        source: path of a file, or name of a preset.
        folder: beside which a relative path is looked for first; None is the working folder.

    Raises:
        OSError: if there is no such file or preset, with the nearest preset, or if it cannot be read.
        ChainFileError: if it is no text.
    """
    name = os.fspath(source)
    found = Path(name) if folder is None or not (folder / name).exists() else folder / name
    if not found.exists():
        known = presets()
        if name not in known and os.sep not in name and not Path(name).suffix:
            raise FileNotFoundError(f"{name}: no such file, and {unknown_name(name, known, 'preset')}")
        found = known.get(name, found)
    if found.is_fifo() and found.parts[1:2] not in (("dev",), ("proc",)):  # a shell's <(...) is read once and ends
        check_regular(found)
    raw = found.read_bytes()
    try:
        return raw.decode("utf-8-sig"), os.fspath(found)
    except UnicodeDecodeError as error:
        raise ChainFileError([f"{found}: is no text file: {error.reason} at byte {error.start}"]) from None
