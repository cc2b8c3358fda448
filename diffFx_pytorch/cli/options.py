"""The options of commands that render files, in groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer


def seconds_of(text: str) -> float:
    """Seconds, of ``90``, ``1:30`` or ``0:01:30.5``."""
    try:
        parts = [float(part) for part in str(text).split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or any(part < 0 or part != part or part == float("inf") for part in parts):
        raise typer.BadParameter(f"{text!r} is no time; write seconds, or minutes:seconds")
    return sum(part * 60**place for place, part in enumerate(reversed(parts)))


@dataclass(frozen=True)
class Level:
    """Of the outputs."""

    lufs: Annotated[
        float | None, typer.Option(metavar="LUFS", help="Bring each output to this integrated loudness, e.g. -16.")
    ] = None
    true_peak: Annotated[
        float | None,
        typer.Option("--true-peak", metavar="DBTP", help="No true peak over this, e.g. -1; the gain is lower for it."),
    ] = None
    limit: Annotated[
        bool, typer.Option("--limit", help="With --true-peak: a limiter takes the peaks, and the loudness is reached.")
    ] = False
    lower_only: Annotated[bool, typer.Option("--lower-only", help="Never raise a level.")] = False
    dual_mono: Annotated[
        bool, typer.Option("--dual-mono", help="With --lufs: mono is played by two speakers, and 3 dB louder.")
    ] = False
    album: Annotated[bool, typer.Option("--album", help="One gain for all files, measured together.")] = False


@dataclass(frozen=True)
class Samples:
    """What is read of the inputs and written of the outputs."""

    extension: Annotated[
        str | None, typer.Option("--format", "-f", help="Format of the outputs, e.g. flac; the input's if not given.")
    ] = None
    bit_depth: Annotated[
        str, typer.Option("--bit-depth", help="same (as the input), 8, 16, 24, 32, float or double.")
    ] = "same"
    subtype: Annotated[
        str | None, typer.Option(help="Samples by their name in soundfile: PCM_16, FLOAT, ULAW, VORBIS, ...")
    ] = None
    dither: Annotated[
        str, typer.Option(help="auto (to 16 bits and fewer, where samples need rounding), tpdf (always) or none.")
    ] = "auto"
    clip: Annotated[
        str, typer.Option(help="Over full scale: warn, clamp (in silence), rescale (the whole file) or error.")
    ] = "warn"
    sample_rate: Annotated[
        int | None, typer.Option(min=1, metavar="HZ", help="Resample to this rate; the input's if not given.")
    ] = None
    tail: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Longest tail after the input's end; 0 for none.")
    ] = 30.0
    start: Annotated[
        float, typer.Option("--from", parser=seconds_of, metavar="TIME", help="Begin there: seconds, or 1:30.")
    ] = 0.0
    end: Annotated[
        float | None, typer.Option("--to", parser=seconds_of, metavar="TIME", help="End there; the end if not given.")
    ] = None
    block_seconds: Annotated[
        float, typer.Option("--block", min=0.001, metavar="SECONDS", help="Length of a block.")
    ] = 4.0


@dataclass(frozen=True)
class Files:
    """Which files are read, and what becomes of those that are there."""

    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="OUT",
            help="Folder, or file for one input file; - writes one output to standard output.",
            show_default=False,
        ),
    ]
    only: Annotated[
        list[str] | None, typer.Option("--ext", metavar="EXT", help="Search folders for these only: wav,flac.")
    ] = None
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Leave out names, folders or paths that match, as '*_draft.wav'."),
    ] = None
    input_list: Annotated[
        Path | None,
        typer.Option("--input-list", metavar="FILE", help="Inputs, one a line, or as find -print0 gives them; or -."),
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that are there.")] = False
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave outputs alone that are there, whatever they are of.")
    ] = False
    resume: Annotated[
        bool, typer.Option("--resume", help="Render what is missing, or whose input, chain or settings changed.")
    ] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be rendered, and do nothing.")] = False


@dataclass(frozen=True)
class Run:
    """How it is done, and what is said of it."""

    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Processes; as many as processors if not given.")
    ] = None
    device: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Render files of like length as one batch there: cuda, cuda:1, mps, cpu."),
    ] = None
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Give up a file of which nothing is heard for so long.")
    ] = 600.0
    engine: Annotated[
        str, typer.Option(metavar="NAME", help="processes, or ray: tasks over storage that machines share.")
    ] = "processes"
    ray_address: Annotated[
        str | None,
        typer.Option("--ray-address", metavar="ADDRESS", help="Of a cluster, as auto; this machine if not given."),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each file.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")] = False
