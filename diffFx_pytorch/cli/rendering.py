"""The commands that render: files through a chain, and a demo."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import FAILED, Quiet, Subtype, app, consoles, print_lines, progress_bar, refuse, report_written
from .steps import Effects, chain_of, complete_effect, complete_setting, is_setting

if TYPE_CHECKING:
    from ..presets.chain_file import ChainFile
    from ..render import Outcome


_Out = Annotated[
    Path, typer.Option("--out", "-o", metavar="OUT", help="Folder, or file for one input file.", show_default=False)
]
_Format = Annotated[
    str | None, typer.Option("--format", "-f", help="Format of the outputs, e.g. flac; the input's if not given.")
]
_SampleRate = Annotated[
    int | None, typer.Option(min=1, metavar="HZ", help="Resample to this rate; the input's if not given.")
]
_Lufs = Annotated[
    float | None, typer.Option(metavar="LUFS", help="Bring each output to this integrated loudness, e.g. -16.")
]
_DualMono = Annotated[
    bool, typer.Option("--dual-mono", help="With --lufs: mono is played by two speakers, and 3 dB louder.")
]
_Tail = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Longest tail after the input's end; 0 for none.")]
_Block = Annotated[float, typer.Option(min=0.001, metavar="SECONDS", help="Length of a block.")]
_Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Files at once; as many as processors if not given.")
]
_SkipExisting = Annotated[
    bool, typer.Option("--skip-existing", help="Leave outputs alone that are there: go on after a break.")
]


def _complete_words(context: typer.Context, incomplete: str) -> list[str]:
    return complete_setting([context.params.get("effect") or "", *(context.params.get("words") or ())], incomplete)


@app.command()
def render(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="[CHAIN.yaml] INPUT...",
            help="Chain file, unless -e gives the effects; then sound files and folders of them.",
            show_default=False,
        ),
    ],
    out: _Out,
    effects: Effects = None,
    extension: _Format = None,
    subtype: Subtype = None,
    sample_rate: _SampleRate = None,
    lufs: _Lufs = None,
    dual_mono: _DualMono = False,
    tail: _Tail = 30.0,
    block: _Block = 4.0,
    jobs: _Jobs = None,
    skip_existing: _SkipExisting = False,
    quiet: Quiet = False,
) -> None:
    """Render sound files through a chain.

    Folders are mirrored. Latency is taken out and tails are kept. A file that fails does not stop the others; the exit
    status is then 1.
    """
    from ..presets import load_chain
    from ..render import FORMATS

    try:
        if not effects and files[0].suffix.lower() in FORMATS:
            raise ValueError(f"{files[0]}: is a sound file; name a chain file first, or give effects with -e")
        chain_file = chain_of(effects) if effects else load_chain(files[0])
    except (OSError, ValueError) as error:
        refuse(error)
    settings = {"block_seconds": block, "tail": tail, "sample_rate": sample_rate, "subtype": subtype}
    settings |= {"lufs": lufs, "dual_mono": dual_mono}
    _render(chain_file, files if effects else files[1:], out, extension, jobs, skip_existing, quiet, settings)


@app.command("apply")
def apply_effect(
    effect: Annotated[
        str,
        typer.Argument(metavar="EFFECT", help="Name, as `difffx list` shows it.", autocompletion=complete_effect),
    ],
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT... [KNOB=VALUE]...",
            help="Sound files and folders of them, and settings of the effect: knobs and options.",
            show_default=False,
            autocompletion=_complete_words,
        ),
    ],
    out: _Out,
    extension: _Format = None,
    subtype: Subtype = None,
    sample_rate: _SampleRate = None,
    lufs: _Lufs = None,
    dual_mono: _DualMono = False,
    tail: _Tail = 30.0,
    jobs: _Jobs = None,
    skip_existing: _SkipExisting = False,
    quiet: Quiet = False,
) -> None:
    """Apply one effect to sound files, without a chain file.

    For example: difffx apply Compressor in.wav -o out.wav threshold_db=-24 ratio=4
    """
    given = [word for word in words if is_setting(word)]
    try:
        chain_file = chain_of([f"{effect}:{','.join(given)}"])
    except (OSError, ValueError) as error:
        refuse(error)
    settings = {"tail": tail, "sample_rate": sample_rate, "subtype": subtype, "lufs": lufs, "dual_mono": dual_mono}
    inputs = [Path(word) for word in words if not is_setting(word)]
    _render(chain_file, inputs, out, extension, jobs, skip_existing, quiet, settings)


def _render(
    chain_file: ChainFile,
    inputs: list[Path],
    out: Path,
    extension: str | None,
    jobs: int | None,
    skip_existing: bool,
    quiet: bool,
    settings: dict[str, Any],
) -> None:
    import torch

    from ..render import plan, render_batch
    from ..render.formats import format_of

    try:
        if not inputs:
            raise ValueError("no input: name sound files or folders of them")
        planned = plan(inputs, out, extension)
        for target in {target.suffix.lower(): target for _, target in planned}.values():
            format_of(target, settings["subtype"])
    except (OSError, ValueError) as error:
        refuse(error)
    # Blocks are too small to gain from threads inside an operation; files side by side do.
    torch.set_num_threads(1)
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
    quiet: Quiet = False,
) -> None:
    """Synthesise a clip, run a chain over it, and write dry and wet files and a page to hear and see them."""
    console, error_console = consoles()
    if not quiet:
        text = f"making a clip, a chain and a page in {out} (the first time compiles kernels: half a minute)"
        print_lines(error_console, text)
    import torch

    from ..report.demo import STEPS, write_demo

    torch.set_num_threads(1)
    try:
        with progress_bar(lambda: len(STEPS), quiet) as update:
            told = update and (lambda done, step: update(completed=done, description=step))
            page = write_demo(out, sample_rate, seconds, told)
    except (OSError, ValueError) as error:
        refuse(error, FAILED)
    if quiet:
        return
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
