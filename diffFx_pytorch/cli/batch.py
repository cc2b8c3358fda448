"""What `render` and `apply` have in common: files through a chain, with everything that is said of it."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .app import FAILED, consoles, importing, print_lines, progress_bar, refuse, refuse_existing, report_written
from .options import Files, Level, Run, Samples

if TYPE_CHECKING:
    import torch

    from ..presets.chain_file import ChainFile
    from ..render import Journal, Outcome, RenderSettings
    from ..render.answering import Asking

NOTHING, INTERRUPTED = 3, 130
_PIPE = "-"
_LOG_SECONDS = 30.0
_STATUSES = ("done", "unchanged", "skipped", "failed")
_GO_ON = "go on with --resume"

Jobs = list[tuple[Path, Path]]


def run_batch(
    chain_file: ChainFile, inputs: list[Path], files: Files, level: Level, samples: Samples, run: Run
) -> None:
    """Render files through a chain; ends the command with its status.

    Raises:
        typer.Exit: with 1 where a file failed, 2 for what was given, 3 where nothing matched, 130 when interrupted.
    """
    with importing():
        import torch

        from ..kernels.devices import device_here
        from ..render import NothingMatchedError, RenderSettings, plan
        from ..render.answering import answered

    # Blocks are too small to gain from threads inside an operation; files side by side do.
    torch.set_num_threads(1)
    with ExitStack() as stack:
        try:
            settings = RenderSettings(
                **{k: v for k, v in vars(level).items() if k != "album"},
                **{k: v for k, v in vars(samples).items() if k != "extension"},
                measure=run.json,
            )
            _check(files, level, samples, run)
            device = None if run.device is None else device_here(run.device)
            inputs, out, base = stack.enter_context(_piped(inputs, files, samples))
            how = {"only": split_extensions(files.only), "exclude": files.exclude or (), "base": base}

            def look(asking: Asking) -> tuple[_Batch, Journal | None]:
                jobs = plan(inputs, out, samples.extension, **how, asking=asking)
                _check_formats(jobs, samples)
                journal = _journal(chain_file, files, out, single=len(jobs) == 1 and jobs[0][1] == out)
                _check_existing(jobs, files, journal)
                return _Batch(run, jobs, device), journal

            batch, journal = answered(look, run.timeout)
        except NothingMatchedError as error:
            refuse(error, NOTHING)
        except (OSError, ValueError) as error:
            refuse(error)
        if files.dry_run:
            _say_plan(batch.jobs, files, run)
            return
        status = batch.render(chain_file, settings, files, level.album, journal)
    if status:
        raise typer.Exit(status)


def _check(files: Files, level: Level, samples: Samples, run: Run) -> None:
    if sum((files.overwrite, files.skip_existing, files.resume)) > 1:
        raise ValueError("give one of --overwrite, --skip-existing and --resume")
    if level.album and level.lufs is None and level.true_peak is None:
        raise ValueError("--album needs a level: give --lufs or --true-peak")
    if run.ray_address and run.engine != "ray":
        raise ValueError("--ray-address is for --engine ray")
    if samples.subtype and samples.bit_depth != "same":
        raise ValueError("give --subtype or --bit-depth, not both")


def _check_formats(jobs: Jobs, samples: Samples) -> None:
    from ..render.formats import format_of, subtype_for

    for target in {target.suffix.lower(): target for _, target in jobs}.values():
        format_of(target, samples.subtype)
        subtype_for(target, samples.bit_depth)


def _journal(chain_file: ChainFile, files: Files, out: Path, single: bool) -> Journal | None:
    from ..presets import chain_digest
    from ..render import Journal

    if not single:
        return Journal(out, chain_digest(chain_file))
    if files.resume:
        raise ValueError(f"--resume needs an output folder, and {out} is a file; give --overwrite or --skip-existing")
    return None


def _check_existing(jobs: Jobs, files: Files, journal: Journal | None) -> None:
    if files.overwrite or files.skip_existing:
        return
    there = [target for _, target in jobs if os.path.lexists(target)]
    cure = "give --overwrite, --skip-existing or --resume"
    if files.resume and journal:
        there = [target for target in there if journal.record(target) is None]
        cure = "nothing is known of it here; give --overwrite, or move it away"
    refuse_existing(there, False, cure)


def split_extensions(extensions: list[str] | None) -> list[str]:
    """Extensions of an option that may be repeated, and each hold several."""
    return [name for given in extensions or () for name in given.split(",") if name]


@contextmanager
def _piped(inputs: list[Path], files: Files, samples: Samples) -> Iterator[tuple[list[Path], Path, Path | None]]:
    """Inputs, output and the folder that is mirrored, with what comes from and goes to pipes in a folder of its own."""
    base = None
    if files.input_list is not None:
        listed = _listed(files.input_list)
        inputs = [*inputs, *listed]
        base = Path(os.path.commonpath([path.parent.absolute() for path in inputs])) if inputs else None
        inputs = [path.absolute() for path in inputs]
    if not inputs:
        raise ValueError("no input: name sound files or folders of them")
    reads, writes = any(str(p) == _PIPE for p in inputs), str(files.out) == _PIPE
    if reads and len(inputs) > 1:
        raise ValueError("- stands for one input, and there are others")
    if not reads and not writes:
        yield inputs, files.out, base
        return
    with tempfile.TemporaryDirectory(prefix="difffx-") as folder:
        if reads:
            with open(Path(folder, "stdin"), "wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
            inputs = [Path(file.name)]
        kind = (samples.extension or ("wav" if reads else inputs[0].suffix)).lstrip(".")
        out = Path(folder, f"out.{kind or 'wav'}") if writes else files.out
        yield inputs, out, None
        if writes and out.is_file():
            with open(out, "rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _listed(path: Path) -> list[Path]:
    raw = sys.stdin.buffer.read() if str(path) == _PIPE else path.read_bytes()
    names = raw.split(b"\0") if b"\0" in raw else raw.splitlines()
    return [Path(os.fsdecode(name)) for name in names if name.strip()]


def _say_plan(jobs: Jobs, files: Files, run: Run) -> None:
    out, error = consoles()
    for source, target in jobs:
        there = os.path.lexists(target)
        action = "skip" if there and files.skip_existing else "replace" if there else "write"
        if run.json:
            typer.echo(json.dumps({"source": str(source), "target": str(target), "status": f"would {action}"}))
        else:
            print_lines(out, f"would {action} {target} from {source}")
    if not run.quiet:
        print_lines(error, f"{len(jobs)} files")


@dataclass
class _Batch:
    run: Run
    jobs: Jobs
    device: torch.device | None

    def __post_init__(self) -> None:
        self.sizes = {source: _size(source) for source, _ in self.jobs}
        self.read: dict[Path, float] = {}
        self.counts: dict[str, int] = {}
        self.begun = self.logged = time.monotonic()
        self.full = ""

    def render(
        self, chain_file: ChainFile, settings: RenderSettings, files: Files, album: bool, journal: Journal | None
    ) -> int:
        """Render all, and say so; the exit status."""
        from ..render import render_batch
        from ..render.atomic import WriteError

        how: dict[str, Any] = {"skip_existing": files.skip_existing, "resume": files.resume, "album": album}
        how |= {"engine": self.run.engine, "ray_address": self.run.ray_address}
        workers = min(self.run.jobs or _processors(), len(self.jobs))
        piped = str(files.out) == _PIPE
        try:
            with ExitStack() as stack, progress_bar(lambda: sum(self.sizes.values()), self.run.quiet) as update:
                outcomes = render_batch(
                    chain_file.build,
                    self.jobs,
                    settings,
                    journal=journal,
                    workers=workers,
                    timeout=self.run.timeout,
                    device=self.device,
                    progress=lambda path, share: self._told(path, share, update),
                    **how,
                )
                for outcome in stack.enter_context(closing(outcomes)):
                    self.counts[outcome.status] = self.counts.get(outcome.status, 0) + 1
                    self._told(outcome.source, 1.0, update)
                    self._report(outcome, piped)
        except KeyboardInterrupt:
            self._summary("interrupted", journal)
            return INTERRUPTED
        except SystemExit:
            self._summary("stopped", journal)
            raise
        except WriteError as error:  # of the journal: without it nothing could go on
            self._summary(str(error), journal)
            return FAILED
        except ValueError as error:  # nothing was begun
            refuse(error)
        failed = self.counts.get("failed", 0)
        if self.full:
            self._summary(self.full, journal)
        elif len(self.jobs) > 1 and not (self.run.quiet and not failed):
            print_lines(consoles()[1], f"{len(self.jobs)} files: {self._counted()}")
        return FAILED if failed else 0

    def _counted(self) -> str:
        counted = {status: self.counts[status] for status in _STATUSES if status in self.counts}
        return ", ".join(f"{count} {status}" for status, count in counted.items()) or "none done"

    def _summary(self, why: str, journal: Journal | None) -> None:
        left = len(self.jobs) - sum(self.counts.values())
        text = f"{self._counted()}, {left} left" if self.counts else f"{left} left"
        cure = f"; {_GO_ON}" if journal else ""
        with suppress(OSError):  # the terminal may be gone
            print_lines(consoles()[1], f"difffx: {why}: {text} of {len(self.jobs)} files{cure}")

    def _told(self, path: Path, share: float, update: Any) -> None:
        before = self.read.get(path, 0.0)
        now = self.read[path] = min(1.0, before + share)
        if update:
            update(advance=(now - before) * self.sizes[path], description=path.name)
        elif not self.run.quiet and time.monotonic() > self.logged + _LOG_SECONDS:
            self.logged = time.monotonic()
            done = sum(share * self.sizes[path] for path, share in self.read.items()) / max(1, sum(self.sizes.values()))
            took = self.logged - self.begun
            left = f", about {took / done - took:.0f} s left" if done > 0 else ""
            count = sum(self.counts.values())
            text = f"{count} of {len(self.jobs)} files, {100 * done:.0f} % in {took:.0f} s{left}"
            print_lines(consoles()[1], f"{text} ({self._counted()})" if count else text)

    def _report(self, outcome: Outcome, piped: bool) -> None:
        out, error = consoles()
        if self.run.json and not piped:
            typer.echo(json.dumps(as_record(outcome)))
        if outcome.status == "failed":
            if outcome.full:
                self.full = outcome.error  # said once, at the end
            else:
                print_lines(error, f"failed {outcome.source}: {outcome.error.removeprefix(f'{outcome.source}: ')}")
        elif outcome.rendered:
            quiet = self.run.quiet or self.run.json or piped
            report_written(_PIPE if piped else outcome.target, outcome.rendered.warnings, quiet)
        elif not self.run.quiet and not self.run.json:
            print_lines(out, f"{outcome.status} {outcome.target}")


def as_record(outcome: Outcome) -> dict[str, Any]:
    """An outcome as JSON can hold it; levels of silence are null."""
    rendered = dataclasses.asdict(outcome.rendered) if outcome.rendered else {}
    seconds = rendered.get("seconds")
    record = {
        "source": str(outcome.source),
        "target": str(outcome.target),
        "status": outcome.status,
        "error": outcome.error or None,
        **rendered,
        "took_seconds": round(outcome.seconds, 3),
        "times_real_time": round(seconds / outcome.seconds, 1) if seconds and outcome.seconds else None,
        "source_sha256": outcome.source_hash or None,
        "target_sha256": outcome.target_hash or None,
    }
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
