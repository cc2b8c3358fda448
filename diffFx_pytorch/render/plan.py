"""Which files are rendered, and where each goes."""

from __future__ import annotations

import glob
import itertools
import os
import warnings
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path

from .answering import Asking
from .formats import FORMATS

_NOT_WRITTEN = (".m4a", ".aac", ".mp4", ".wma", ".alac", ".ape", ".wv", ".mp2", ".ac3", ".oga", ".mka", ".webm", ".amr")
"""Names of sound files that are meant as such, and not as folders."""


class NothingMatchedError(ValueError):
    """There is nothing to render."""


def plan(
    inputs: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    extension: str | None = None,
    *,
    only: Iterable[str] = (),
    exclude: Iterable[str] = (),
    base: str | os.PathLike[str] | None = None,
    asking: Asking = lambda _: None,
) -> list[tuple[Path, Path]]:
    """Pairs of source and target files.

    A folder is searched for sound files and mirrored below ``out``, hidden files and ``out`` itself left aside. A
    pattern (``takes/**/*.wav``) is expanded and mirrored from its first wildcard on. One input file and an ``out`` with
    the extension of a sound file is that file. What looks like a sound file and is none (a broken link, a pipe) is
    planned too, so that its failure is reported.

    Args:
        inputs: files, folders and patterns.
        out: folder, or file for one input file.
        extension: of the outputs (".flac"); None keeps each input's, or takes .wav where that cannot be written.
        only: extensions that folders and patterns are searched for; all that can be written if none is given.
        exclude: patterns of names, of folders' names, or of paths below a folder that are left out.
        base: folder below which files are mirrored that are given by name; None puts them into ``out``.
        asking: as for ``answered``.

    Returns:
        ``[(source, target), ...]``, in the order given, folders sorted.

    Raises:
        NothingMatchedError: for nothing to render.
        ValueError: for an input that is not there, an unknown extension, one file for several inputs, two inputs for
            one target, or a target that is an input.
    """
    out = Path(out)
    asking(out)
    if extension is not None:
        extension = _extension(extension, "write")
    if len(inputs) == 1 and out.suffix.lower() in FORMATS and not out.is_dir() and not Path(inputs[0]).is_dir():
        found = sounds(inputs, only=only, exclude=exclude, asking=asking)
        if len(found) == 1:
            jobs = [(found[0][0], out if extension is None else out.with_suffix(extension))]
            _refuse_clashes(jobs)
            return jobs
    found = sounds(inputs, only=only, exclude=exclude, base=base, aside=out, asking=asking)
    if not out.is_dir() and out.suffix.lower() in (*FORMATS, *_NOT_WRITTEN):
        if out.suffix.lower() in FORMATS:
            raise ValueError(f"{out}: is the name of one file, and the inputs are several or a folder; give a folder")
        raise ValueError(f"{out}: cannot write {out.suffix}; formats are {', '.join(FORMATS)}")
    jobs = [(path, out / _renamed(place, extension)) for path, place in found]
    _refuse_clashes(jobs)
    return jobs


def sounds(
    inputs: Sequence[str | os.PathLike[str]],
    *,
    only: Iterable[str] = (),
    exclude: Iterable[str] = (),
    base: str | os.PathLike[str] | None = None,
    aside: Path | None = None,
    asking: Asking = lambda _: None,
) -> list[tuple[Path, Path]]:
    """Sound files, each with its place below the input that it was found in; arguments and errors as for ``plan``.

    Args:
        inputs: files, folders and patterns.
        only: extensions.
        exclude: patterns.
        base: folder below which files lie that are given by name.
        aside: a folder that is not searched.
        asking: as for ``answered``.
    """
    suffixes = {_extension(name, "search for") for name in only} or set(FORMATS)
    exclude = tuple(exclude)
    found: list[tuple[Path, Path]] = []
    for given in map(Path, inputs):
        asking(given)
        if given.is_dir():
            pairs = [(path, path.relative_to(given)) for path in _below(given, aside, suffixes, exclude, asking)]
        elif os.path.lexists(given):
            pairs = [(given, Path(given.name) if base is None else given.relative_to(base))]
        elif glob.has_magic(str(given)):
            root = _root(given)
            matches = (Path(path) for path in sorted(glob.glob(str(given), recursive=True)))
            pairs = [(p, p.relative_to(root)) for p in matches if p.suffix.lower() in suffixes and not p.is_dir()]
        else:
            raise ValueError(f"{given}: no such file or folder")
        found += [pair for pair in pairs if not _is_excluded(*pair, exclude)]
    if not found:
        kinds = ", ".join(sorted(suffixes) if only else FORMATS)
        raise NothingMatchedError(f"no sound files in {', '.join(map(str, inputs))}; formats are {kinds}")
    return found


def _extension(name: str, action: str) -> str:
    extension = "." + name.lower().lstrip("*").lstrip(".")
    if extension not in FORMATS:
        raise ValueError(f"cannot {action} {extension!r}; formats are {', '.join(FORMATS)}")
    return extension


def _below(
    folder: Path, aside: Path | None, suffixes: set[str], exclude: tuple[str, ...], asking: Asking
) -> list[Path]:
    left_out = aside.resolve() if aside and aside.resolve() != folder.resolve() else None
    found: list[Path] = []
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        asking(here)
        for _, folders, files in itertools.islice(os.walk(here, onerror=_unreadable), 1):
            waiting += [
                path
                for path in (here / name for name in folders if not name.startswith("."))
                if not path.is_symlink()
                and not (left_out and path.resolve() == left_out)
                and not _is_excluded(path, path.relative_to(folder), exclude)
            ]
            named = (here / name for name in files if not name.startswith("."))
            found += [path for path in named if path.suffix.lower() in suffixes]
    return sorted(found)


def _unreadable(error: OSError) -> None:
    warnings.warn(f"{error.filename}: cannot be searched: {error.strerror}", stacklevel=2)


def _is_excluded(path: Path, below: Path, exclude: tuple[str, ...]) -> bool:
    return any(fnmatch(path.name, pattern) or fnmatch(str(below), pattern) for pattern in exclude)


def _root(pattern: Path) -> Path:
    """The folder before the first wildcard of a pattern."""
    parts = pattern.parts
    first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first])


def _renamed(path: Path, extension: str | None) -> Path:
    if extension is None and path.suffix.lower() in FORMATS:
        return path
    return path.with_suffix(extension or ".wav")


def _refuse_clashes(jobs: Sequence[tuple[Path, Path]]) -> None:
    sources = {source.resolve() for source, _ in jobs}
    targets: dict[Path, Path] = {}
    for source, target in jobs:
        place = target.resolve()
        if place in sources:
            raise ValueError(f"{target}: would overwrite an input; give another output folder or format")
        if place in targets:
            raise ValueError(f"{targets[place]} and {source} would both become {target}; render them apart")
        targets[place] = source
