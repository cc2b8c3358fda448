"""The commands that look at sound files: `info`, `measure`, `compare`."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import FAILED, Overwrite, app, consoles, print_lines, refuse, refuse_existing
from .batch import NOTHING, split_extensions
from .grouped import grouped
from .options import seconds_of

if TYPE_CHECKING:
    from ..render import Comparison

_HEARD_SECONDS = 120.0


@dataclass(frozen=True)
class Inputs:
    """Which files are looked at, and how it is said."""

    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Sound files, folders and patterns of them.", show_default=False),
    ]
    only: Annotated[
        list[str] | None, typer.Option("--ext", metavar="EXT", help="Search folders for these only: wav,flac.")
    ] = None
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Leave out names, folders or paths that match.")
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each file.")] = False


@app.command()
@grouped
def info(inputs: Inputs) -> None:
    """Show what sound files are: format, samples, rate, channels, length, tags."""
    _each(inputs, _facts)


@app.command()
@grouped
def measure(
    inputs: Inputs,
    dual_mono: Annotated[
        bool, typer.Option("--dual-mono", help="Mono is played by two speakers, 3 dB louder.")
    ] = False,
    start: Annotated[
        float, typer.Option("--from", parser=seconds_of, metavar="TIME", help="Begin there: seconds, or 1:30.")
    ] = 0.0,
    end: Annotated[float | None, typer.Option("--to", parser=seconds_of, metavar="TIME", help="End there.")] = None,
    through: Annotated[
        str | None, typer.Option(metavar="CHAIN", help="Read the meters of a chain that the sound goes through.")
    ] = None,
) -> None:
    """Measure loudness (EBU R 128), true peak, RMS, crest, DC and correlation of sound files."""
    from ..presets import load_chain
    from ..render import measure_file, measure_through

    try:
        chain = None if through is None else load_chain(through)
    except (OSError, ValueError) as error:
        refuse(error)

    def measured(path: Path) -> dict[str, Any]:
        if chain is not None:
            return measure_through(chain.build, path, start=start, end=end)
        return dataclasses.asdict(measure_file(path, dual_mono=dual_mono, start=start, end=end))

    _each(inputs, measured)


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="Sound file.", show_default=False)],
    b: Annotated[Path, typer.Argument(metavar="B", help="Sound file to compare with it.", show_default=False)],
    page: Annotated[
        Path | None, typer.Option(metavar="PAGE.html", help="Write a page to hear and see both, aligned.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two sound files: the offset between them, what is left of their difference, levels, spectra."""
    from ..render import compare_files

    try:
        refuse_existing(filter(None, [page]), overwrite)
    except ValueError as error:
        refuse(error)
    try:
        found = compare_files(a, b)
        if page is not None:
            _write_page(page, a, b, found)
    except (OSError, ValueError) as error:
        refuse(error, FAILED)
    if as_json:
        typer.echo(json.dumps(_plain({"file_a": str(a), "file_b": str(b), **dataclasses.asdict(found)})))
        return
    out, _ = consoles()
    print_lines(out, *_findings(found), "", _table(found), "", _spectra(found))
    if page is not None:
        print_lines(out, f"wrote {page}")


def _findings(found: Comparison) -> list[str]:
    """The offset and the difference in words, a line each."""
    frames = found.offset_samples
    by = f" {abs(found.offset_seconds):.6f} s ({abs(frames)} samples) {'after' if frames > 0 else 'before'}"
    return [
        f"B begins{by if frames else ' with'} A{', inverted' if found.inverted else ''}",
        f"difference {_said('residual_db', found.residual_db)} of A over {found.overlap_seconds:.3f} s; "
        f"{_said('matched_residual_db', found.matched_residual_db)} with B at {found.gain_db:+.2f} dB",
    ]


def _each(inputs: Inputs, look: Callable[[Path], dict[str, Any]]) -> None:
    """Print what is found of every file; one that cannot be read does not stop the others."""
    import torch

    from ..render import NothingMatchedError, sounds

    torch.set_num_threads(1)
    try:
        found = sounds(inputs.files, only=split_extensions(inputs.only), exclude=inputs.exclude or ())
    except NothingMatchedError as error:
        refuse(error, NOTHING)
    except ValueError as error:
        refuse(error)
    out, error_console = consoles()
    failed = False
    for path, _ in found:
        try:
            facts = look(path)
        except (OSError, ValueError) as error:
            failed = True
            text = str(error).removeprefix(f"{path}: ")
            print_lines(error_console, f"failed {path}: {text}")
            if inputs.json:
                typer.echo(json.dumps({"file": str(path), "error": text}))
            continue
        if inputs.json:
            typer.echo(json.dumps({"file": str(path), **_plain(facts)}))
            continue
        print_lines(out, str(path))
        print_lines(out, *(f"  {_word(name):<18} {_said(name, v)}" for name, v in facts.items() if v not in (None, "")))
    if failed:
        raise typer.Exit(FAILED)


def _facts(path: Path) -> dict[str, Any]:
    from ..files import audio_info
    from ..render.metadata import tags_of

    about = audio_info(path)
    return {
        "format": about.format,
        "subtype": about.subtype,
        "sample_rate": about.sample_rate,
        "channels": about.channels,
        "channel_mask": None if about.mask is None else f"0x{about.mask:X}",
        "frames": about.frames,
        "seconds": about.frames / about.sample_rate,
        "bytes": path.stat().st_size,
        **tags_of(path),
        "notice": about.notice,
    }


_WORDS = {
    "lufs": "integrated",
    "short_term_max": "short-term max",
    "momentary_max": "momentary max",
    "loudness_range": "loudness range",
    "dc": "DC",
    "rms_db": "RMS",
}
_UNITS = {
    "lufs": "LUFS",
    "short_term_max": "LUFS",
    "momentary_max": "LUFS",
    "short_term_lufs": "LUFS",
    "momentary_lufs": "LUFS",
    "loudness_range": "LU",
    "true_peak_db": "dBTP",
    "peak_db": "dBFS",
    "sample_rate": "Hz",
    "seconds": "s",
}


def _word(name: str) -> str:
    place, _, reading = name.rpartition(".")
    return f"{place} {_WORDS.get(reading, reading.removesuffix('_db').replace('_', ' '))}".lstrip()


def _said(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_said(name, one) for one in value)
    name = name.rpartition(".")[2]
    unit = _UNITS.get(name, "dB" if name.endswith("_db") else "")
    if isinstance(value, float):
        digits = 3 if name == "seconds" else 2 if unit else 4
        value = f"{value:.{digits}f}" if math.isfinite(value) else "-inf" if value < 0 else "inf"
    return f"{value} {unit}".rstrip()


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON can hold it: levels of silence are null."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return _plain(value)
        if isinstance(value, list):
            return [plain(one) for one in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return {name: plain(value) for name, value in facts.items()}


def _table(found: Comparison) -> Any:
    from rich.table import Table

    table = Table("", "A", "B", box=None, pad_edge=False)
    for row in _levels(found):
        table.add_row(*row)
    return table


def _levels(found: Comparison) -> list[tuple[str, ...]]:
    """Of what is known of A or B, the name and what it is of each."""
    pairs = {name: (value, getattr(found.b, name)) for name, value in vars(found.a).items()}
    return [
        (_word(name), *("" if value is None else _said(name, value) for value in pair))
        for name, pair in pairs.items()
        if pair != (None, None)
    ]


def _spectra(found: Comparison) -> Any:
    from rich.table import Table

    table = Table("Hz", "A (dB)", "B (dB)", "B - A", box=None, pad_edge=False)
    for centre, one, other in zip(found.bands_hz, found.a_db, found.b_db, strict=True):
        table.add_row(f"{centre:.0f}", f"{one:.1f}", f"{other:.1f}", f"{other - one:+.1f}")
    return table


def _write_page(page: Path, a: Path, b: Path, found: Comparison) -> None:
    from ..files import audio_info
    from ..render.compare import beginning
    from ..report.page import write_takes

    rate = audio_info(a).sample_rate
    starts = (max(0, -found.offset_samples), max(0, found.offset_samples))
    frames = round(min(_HEARD_SECONDS, found.overlap_seconds) * rate)
    takes = {
        f"{name}: {path.name}": beginning(path, rate, start, frames)
        for name, path, start in zip("AB", (a, b), starts, strict=True)
    }
    rows = "".join(
        f"<tr><td>{escape(name)}<td class=n>{escape(one)}<td class=n>{escape(other)}"
        for name, one, other in _levels(found)
    )
    cards = f"<section class=card><h2>Levels</h2><table><thead><tr><th><th>A<th>B</thead>{rows}</table></section>"
    write_takes(page, f"{a.name} and {b.name}", takes, rate, "<br>".join(map(escape, _findings(found))), cards)
