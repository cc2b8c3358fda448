"""Many files through one chain; files that fail do not stop the others."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..control import Knobs
from ..files import audio_info
from ..processor import Processor
from .file import Rendered, render_file
from .formats import FORMATS
from .settings import RenderSettings

_log = logging.getLogger(__name__)

Build = Callable[[float], "tuple[Processor, Knobs | None]"]
"""Gives a chain and its settings at a sample rate in Hz; ``ChainFile.build`` is one."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one file.

    Args:
        source: what was read.
        target: what was written.
        status: done, skipped (the target exists) or failed.
        error: message, if failed.
        rendered: what was written, if done.
    """

    source: Path
    target: Path
    status: Literal["done", "skipped", "failed"]
    error: str = ""
    rendered: Rendered | None = None


def plan(
    inputs: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str], extension: str | None = None
) -> list[tuple[Path, Path]]:
    """Pairs of source and target files.

    A folder is searched for sound files and mirrored below ``out``, hidden files and ``out`` itself left aside. One
    input file and an ``out`` with the extension of a sound file is that file.

    Args:
        inputs: files and folders.
        out: folder, or file for one input file.
        extension: of the outputs (".flac"); None keeps each input's, or takes .wav where that cannot be written.

    Returns:
        ``[(source, target), ...]``, in the order given, folders sorted.

    Raises:
        ValueError: for an input that is not there, nothing to render, an unknown extension, two inputs for one
            target, or a target that is an input.
    """
    out = Path(out)
    if extension is not None and (extension := "." + extension.lower().lstrip(".")) not in FORMATS:
        raise ValueError(f"cannot write {extension!r}; formats are {', '.join(FORMATS)}")
    jobs: list[tuple[Path, Path]] = []
    for given in map(Path, inputs):
        if given.is_dir():
            jobs += [(s, out / _renamed(s.relative_to(given), extension)) for s in _sounds_below(given, out)]
        elif not given.exists():
            raise ValueError(f"{given}: no such file or folder")
        elif len(inputs) == 1 and out.suffix.lower() in FORMATS and not out.is_dir():
            jobs.append((given, out if extension is None else out.with_suffix(extension)))
        else:
            jobs.append((given, out / _renamed(Path(given.name), extension)))
    if not jobs:
        raise ValueError(f"no sound files in {', '.join(map(str, inputs))}; formats are {', '.join(FORMATS)}")
    _refuse_clashes(jobs)
    return jobs


def render_batch(
    build: Build,
    jobs: Sequence[tuple[Path, Path]],
    settings: RenderSettings | None = None,
    *,
    skip_existing: bool = False,
    workers: int = 1,
    progress: Callable[[Path, float], None] | None = None,
    **changes: Any,
) -> Iterator[Outcome]:
    """Render files one after another, or several at once; one that fails does not stop the others.

    Args:
        build: gives the chain at a sample rate; called once per rate.
        jobs: ``(source, target)``, as ``plan`` gives them; folders of targets are made.
        skip_existing: leave existing targets alone (they are complete: a target appears only when it is).
        workers: number of files at once, one thread each.
        progress: called with the file and the seconds of it read.
        settings: of every file.
        **changes: fields of ``RenderSettings``, in place of those of ``settings``.

    Yields:
        One outcome per file, in the order in which they finish.
    """
    settings = replace(settings or RenderSettings(), **changes)
    stop = threading.Event()
    build = _once_a_rate(build)

    def render(source: Path, target: Path) -> Outcome:
        def told(seconds: float) -> None:
            if stop.is_set():
                raise InterruptedError("stopped")
            if progress is not None:
                progress(source, seconds)

        try:
            if skip_existing and target.exists():
                return Outcome(source, target, "skipped")
            target.parent.mkdir(parents=True, exist_ok=True)
            rate = settings.sample_rate or audio_info(source).sample_rate
            chain, dsp_params = build(rate)
            rendered = render_file(chain, dsp_params, source, target, settings, progress=told)
        except Exception as error:  # whatever is wrong with one file, the others are rendered
            _log.debug("%s failed", source, exc_info=True)
            expected = isinstance(error, (OSError, ValueError))
            return Outcome(source, target, "failed", str(error) if expected else f"{type(error).__name__}: {error}")
        return Outcome(source, target, "done", rendered=rendered)

    if workers <= 1:
        for source, target in jobs:
            yield render(source, target)
        return
    pool = ThreadPoolExecutor(workers, "render")
    try:
        for done in as_completed([pool.submit(render, *job) for job in jobs]):
            yield done.result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _once_a_rate(build: Build) -> Build:
    built: dict[float, Any] = {}
    lock = threading.Lock()

    def at(rate: float) -> Any:
        with lock:
            if rate not in built:
                built[rate] = build(rate)
            return built[rate]

    return at


def _sounds_below(folder: Path, out: Path) -> list[Path]:
    inside = out.resolve()
    aside = inside if inside != folder.resolve() else None
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in FORMATS
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
        and not (aside and aside in path.resolve().parents)
    ]


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
