"""The commands that render: files through a chain, and a demo."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .app import FAILED, QUIET, SUBTYPE, app, consoles, print_lines, progress_bar, refuse, report_written

if TYPE_CHECKING:
    from ..render import Outcome


@app.command()
def render(
    chain: Annotated[Path, typer.Argument(metavar="CHAIN.yaml", help="Chain file.", show_default=False)],
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT...", help="Sound files and folders of them.", show_default=False)
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="OUT", help="Folder, or file for one input file.", show_default=False),
    ],
    extension: Annotated[
        str | None, typer.Option("--format", "-f", help="Format of the outputs, e.g. flac; the input's if not given.")
    ] = None,
    subtype: Annotated[str | None, SUBTYPE] = None,
    sample_rate: Annotated[
        int | None, typer.Option(min=1, metavar="HZ", help="Resample to this rate; the input's if not given.")
    ] = None,
    lufs: Annotated[
        float | None, typer.Option(metavar="LUFS", help="Bring each output to this integrated loudness, e.g. -16.")
    ] = None,
    tail: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Longest tail after the input's end; 0 for none.")
    ] = 30.0,
    block: Annotated[float, typer.Option(min=0.001, metavar="SECONDS", help="Length of a block.")] = 1.0,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Files at once; as many as processors if not given.")
    ] = None,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave outputs alone that are there: go on after a break.")
    ] = False,
    quiet: Annotated[bool, QUIET] = False,
) -> None:
    """Render sound files through a chain.

    Folders are mirrored. Latency is taken out and tails are kept. A file that fails does not stop the others; the exit
    status is then 1.
    """
    import torch

    from ..presets import load_chain
    from ..render import plan, render_batch
    from ..render.formats import format_of

    try:
        chain_file = load_chain(chain)
        planned = plan(inputs, out, extension)
        for target in {target.suffix.lower(): target for _, target in planned}.values():
            format_of(target, subtype)
    except (OSError, ValueError) as error:
        refuse(error)
    # Blocks are too small to gain from threads inside an operation; files side by side do.
    torch.set_num_threads(1)
    settings = {"block_seconds": block, "tail": tail, "sample_rate": sample_rate, "subtype": subtype, "lufs": lufs}
    workers = min(jobs or _processors(), len(planned))
    outcomes = []
    with progress_bar(lambda: sum(_seconds(source) for source, _ in planned), quiet) as update:
        told = update and (lambda path, seconds: update(advance=seconds, description=path.name))
        for outcome in render_batch(
            chain_file.build, planned, skip_existing=skip_existing, workers=workers, progress=told, **settings
        ):
            outcomes.append(outcome)
            _report(outcome, quiet)
    counts = {status: sum(o.status == status for o in outcomes) for status in ("done", "skipped", "failed")}
    if len(outcomes) > 1 and not (quiet and not counts["failed"]):
        summary = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        print_lines(consoles()[1], f"{len(outcomes)} files: {summary}")
    if counts["failed"]:
        raise typer.Exit(FAILED)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write to.")] = Path("demo"),
    sample_rate: Annotated[int, typer.Option(min=8000, max=192000, metavar="HZ")] = 44100,
    seconds: Annotated[float, typer.Option(min=0.5, max=600.0, help="Length of the clip.")] = 9.6,
) -> None:
    """Synthesise a clip, run a chain over it, and write dry and wet files and a page to hear and see them."""
    console, _ = consoles()
    import torch

    from ..report.demo import write_demo

    torch.set_num_threads(1)
    try:
        page = write_demo(out, sample_rate, seconds)
    except (OSError, ValueError) as error:
        refuse(error, FAILED)
    print_lines(
        console, *(f"wrote {path}" for path in sorted(out.iterdir()) if path.suffix in (".wav", ".yaml", ".html"))
    )
    print_lines(console, f"open {page} in a browser")


def _report(outcome: Outcome, quiet: bool) -> None:
    out, error = consoles()
    if outcome.status == "failed":
        print_lines(error, f"failed {outcome.source}: {outcome.error.removeprefix(f'{outcome.source}: ')}")
    elif outcome.rendered:
        report_written(outcome.target, outcome.rendered.warnings, quiet)
    elif not quiet:
        print_lines(out, f"skipped {outcome.target}")


def _seconds(path: Path) -> float:
    from ..files import audio_info

    try:
        info = audio_info(path)
    except OSError:
        return 0.0
    return info.frames / info.sample_rate


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
