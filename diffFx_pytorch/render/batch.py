"""Many files through one chain; files that fail do not stop the others."""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch

from ..control import Knobs
from ..files import AudioInfo, audio_info, resampled_frames
from ..kernels.devices import device_here
from ..processor import Processor
from .atomic import FULL, remove_dead_parts
from .file import Rendered, Run, open_sound, render_file
from .journal import Journal, content_hash, job_key, recipe_hash
from .level import level_gain
from .loudness import programme_loudness
from .meter import db
from .quantize import Quantizer
from .ray_tasks import in_ray
from .settings import RenderSettings
from .streaming import processed
from .together import MOST_SAMPLES, Abandoned, Form, Together, groups
from .workers import Lost, Told, in_processes

_log = logging.getLogger(__name__)

Build = Callable[[float], "tuple[Processor, Knobs | None]"]
"""Gives a chain and its settings at a sample rate in Hz; ``ChainFile.build`` is one."""

Engine = Literal["processes", "ray"]
"""What renders several files at once."""

Team = Callable[..., "Iterator[tuple[_Job, Any]]"]

Progress = Callable[[Path, float], None]
"""Called with a file and the share of it that was read since the last call."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one file.

    Args:
        source: what was read.
        target: what was written.
        status: done, unchanged (there already, and from the same input and chain), skipped (the target exists) or
            failed.
        error: message, if failed.
        rendered: what was written, if done.
        seconds: that it took.
        source_hash: SHA-256 of the input, if it could be read.
        target_hash: SHA-256 of the output, if it is there.
        key: what the output follows from, see ``journal.job_key``.
        full: whether it failed because nothing more can be written.
    """

    source: Path
    target: Path
    status: Literal["done", "unchanged", "skipped", "failed"]
    error: str = ""
    rendered: Rendered | None = None
    seconds: float = 0.0
    source_hash: str = ""
    target_hash: str = ""
    key: str = ""
    full: bool = False


class _Job(NamedTuple):
    source: Path
    target: Path
    known: dict[str, str]


def render_batch(
    build: Build,
    jobs: Sequence[tuple[Path, Path]],
    settings: RenderSettings | None = None,
    *,
    skip_existing: bool = False,
    journal: Journal | None = None,
    resume: bool = False,
    album: bool = False,
    workers: int = 0,
    timeout: float = 600.0,
    engine: Engine = "processes",
    ray_address: str | None = None,
    device: str | torch.device | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Generator[Outcome, None, None]:
    """Render files one after another, or several at once; one that fails does not stop the others.

    A full disk does: nothing is begun after it. What processes that were killed left behind in the folders of the
    targets is removed at the beginning and, since the killed may take a moment to die, at the end.

    Args:
        build: gives the chain at a sample rate; called once per rate, in every process.
        jobs: ``(source, target)``, as ``plan`` gives them; folders of targets are made.
        settings: of every file.
        skip_existing: leave existing targets alone, whatever they follow from.
        journal: receives what is begun and done.
        resume: leave targets alone that the journal says follow from the same input, chain, settings and version, and
            whose content is still what was written.
        album: one gain for all: that of the loudness and the true peak of all files together, which are measured first.
        workers: number of processes, of one thread each; 0 renders in this one, and what ends it ends all.
        timeout: seconds after which a file of which nothing is heard is given up; in processes only.
        engine: "processes" of this machine, or tasks of "ray" over storage that its machines share: one whose process
            dies is done again. A journal is one for both.
        ray_address: of a cluster, as ``ray.init`` takes it; None makes one of ``workers`` processors on this machine.
        device: where the chain runs, "cuda" say: in this process, files of like length as one batch, read and written
            by threads meanwhile. Where it is not there a warning says so, and files are rendered as without it.
        progress: called with the file and the share of it that was read.
        **changes: fields of ``RenderSettings``, in place of those of ``settings``.

    Yields:
        One outcome per file, in the order in which they finish.

    Raises:
        ValueError: for ``resume`` without a journal, an album without a level, what is no device or engine, a cluster
            that is not there.
        OSError: if the journal cannot be written.
    """
    settings = replace(settings or RenderSettings(), **changes)
    if resume and journal is None:
        raise ValueError("resume needs a journal")
    if album and settings.lufs is None and settings.true_peak is None:
        raise ValueError("an album needs a level: give lufs or true_peak")
    folders = {target.parent for _, target in jobs}
    for folder in folders:
        remove_dead_parts(folder)

    def known(target: Path) -> dict[str, str]:
        return (journal.record(target) if journal and resume else None) or {}

    todo = [_Job(source, target, known(target)) for source, target in jobs]
    there = None if device is None else device_here(device)
    if engine not in get_args(Engine):
        raise ValueError(f"engine must be {' or '.join(get_args(Engine))}, got {engine!r}")
    if engine == "ray" and there is not None:
        raise ValueError("the engine ray renders on processors: give no device")
    team: Team | None = None
    if engine == "ray":
        team = functools.partial(in_ray, workers=workers or 1, timeout=timeout, address=ray_address)
    elif workers:
        team = functools.partial(in_processes, workers=workers, timeout=timeout)
    how = (team, progress, there)
    if album:
        levels, measured = [], set()
        for job, found in _run(_Measurer(build, settings), todo, _same, *how):
            if isinstance(found, Outcome):
                yield found
            else:
                levels.append(found)
                measured.add(job.target)
        todo = [job for job in todo if job.target in measured]
        settings = replace(settings, gain_db=_album_gain(levels, settings))
    recipe = recipe_hash(journal.chain if journal else "", settings)
    begun = functools.partial(_begun, journal=journal, skip_existing=skip_existing)
    running = _run(_Renderer(build, settings, recipe, skip_existing), todo, begun, *how)
    try:
        for _, outcome in running:
            if journal and outcome.status in ("done", "unchanged"):
                journal.end(outcome.target, outcome.key, outcome.target_hash)
            yield outcome
            if outcome.full:
                return
    finally:
        running.close()
        for folder in folders:
            remove_dead_parts(folder)
        if journal:
            journal.close()


def _same(jobs: Iterable[_Job]) -> Iterator[_Job]:
    yield from jobs


def _begun(jobs: Iterable[_Job], journal: Journal | None, skip_existing: bool) -> Iterator[_Job]:
    """Jobs as they are begun; a target that was entered before keeps what is known of it."""
    for job in jobs:
        if journal and journal.record(job.target) is None and not (skip_existing and os.path.lexists(job.target)):
            journal.begin(job.target)
        yield job


def _run(
    task: _Task,
    jobs: Sequence[_Job],
    begun: Callable[[Iterable[_Job]], Iterator[_Job]],
    team: Team | None,
    progress: Progress | None,
    device: torch.device | None,
) -> Generator[tuple[_Job, Any], None, None]:
    telling = threading.Lock()

    def heard(job: _Job, share: float) -> None:
        if progress is not None:
            with telling:
                progress(job.source, share)

    def told(job: _Job) -> Told:
        return lambda share: heard(job, share)

    if device is not None:
        together = Together(device)
        for group in groups(jobs, lambda job: job.source, task.form):
            yield from together(lambda job, run: task(job, told(job), run), list(begun(group)))
        return
    if team is None:
        for job in begun(jobs):
            yield job, task(job, told(job))
        return
    # What a compiled kernel needs is loaded here, once, and shared by the processes.
    Quantizer(16, dtype=np.int16)(np.zeros((1, 1), np.float32))
    for job, outcome in team(task, begun(jobs), heard=heard):
        if isinstance(outcome, Lost):
            remove_dead_parts(job.target.parent)
            outcome = Outcome(job.source, job.target, "failed", outcome.why)
        yield job, outcome


class _Task:
    """What is done with a file; failures are outcomes."""

    def __init__(self, build: Build, settings: RenderSettings) -> None:
        self._build, self._settings = build, settings
        self._built: dict[float, Any] = {}

    def __call__(self, job: _Job, told: Told, run: Run = processed) -> Any:
        start = time.perf_counter()
        try:
            outcome = self.run(job, told, run)
        except Abandoned:
            raise
        except Exception as error:  # whatever is wrong with one file, the others are rendered
            _log.debug("%s failed", job.source, exc_info=True)
            expected = isinstance(error, (OSError, ValueError))
            text = str(error) if expected else f"{type(error).__name__}: {error}"
            full = isinstance(error, OSError) and error.errno in FULL
            outcome = Outcome(job.source, job.target, "failed", text, full=full)
        took = time.perf_counter() - start
        return replace(outcome, seconds=took) if isinstance(outcome, Outcome) else outcome

    def run(self, job: _Job, told: Told, run: Run) -> Any:
        raise NotImplementedError

    def chain_at(self, rate: float) -> tuple[Processor, Knobs | None]:
        if rate not in self._built:
            self._built[rate] = self._build(rate)
        return self._built[rate]

    def form(self, info: AudioInfo) -> Form:
        """What files have in common that may be one batch."""
        rate = self._settings.sample_rate or info.sample_rate
        chain, knobs = self.chain_at(rate)
        # Knobs that move are spread over the whole of a file.
        values = knobs.values() if isinstance(knobs, Mapping) else (knobs,)
        still = all(v is None or (not isinstance(v, Mapping) and np.size(v) == 1) for v in values)
        most = sys.maxsize if chain.streamable else MOST_SAMPLES
        return Form((info.sample_rate, rate, info.channels), most, exact=not (chain.streamable and still))


class _Renderer(_Task):
    def __init__(self, build: Build, settings: RenderSettings, recipe: str, skip_existing: bool) -> None:
        super().__init__(build, settings)
        self._recipe, self._skip_existing = recipe, skip_existing

    def run(self, job: _Job, told: Told, run: Run) -> Outcome:
        source, target, known = job
        if self._skip_existing and target.exists():
            return Outcome(source, target, "skipped")
        info = audio_info(source)
        source_hash = content_hash(source, told)
        key = job_key(self._recipe, source_hash, target)
        if known.get("key") == key and target.is_file() and content_hash(target, told) == known.get("output"):
            return Outcome(source, target, "unchanged", "", None, 0.0, source_hash, known["output"], key)
        target.parent.mkdir(parents=True, exist_ok=True)
        rate = self._settings.sample_rate or info.sample_rate
        share = _shares(told, resampled_frames(info, rate) / rate)
        rendered = render_file(*self.chain_at(rate), source, target, self._settings, progress=share, run=run)
        return Outcome(source, target, "done", "", rendered, 0.0, source_hash, content_hash(target, told), key)


class _Measurer(_Task):
    """Gives the powers of the blocks of the output, and its true peak."""

    def run(self, job: _Job, told: Told, run: Run) -> tuple[np.ndarray, float]:
        info = audio_info(job.source)
        rate = self._settings.sample_rate or info.sample_rate
        sound = open_sound(*self.chain_at(rate), job.source, info, self._settings, [], lambda _: told(0.0), run)
        meter = sound.meter()
        for block in sound.blocks:
            meter.add(block)
        return (meter.loudness.hops() if meter.loudness else np.zeros(0)), meter.true_peak


def _shares(told: Told, seconds: float) -> Callable[[float], None]:
    return lambda read: told(read / seconds if seconds else 0.0)


def _album_gain(levels: Sequence[tuple[np.ndarray, float]], settings: RenderSettings) -> float:
    if not levels:
        return 0.0
    loudness = programme_loudness([hops for hops, _ in levels])
    return level_gain(loudness, db(max(peak for _, peak in levels)), settings)
