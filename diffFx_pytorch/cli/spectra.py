"""The commands that work on spectra: `invert`, `stretch` and `pitch`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import app, consoles, print_lines, refuse

if TYPE_CHECKING:
    from rich.console import Console

    from ..render.spectral_files import Written

_OUT = typer.Option("--out", "-o", metavar="OUT", help="Sound file to write.", show_default=False)
_BESIDE = typer.Option(
    "--out", "-o", metavar="OUT", help="Sound file to write; beside the input if not given.", show_default=False
)
_SOUND = typer.Argument(metavar="IN", help="Sound file.", show_default=False)
_SUBTYPE = typer.Option(
    help="Samples: PCM_16 (dithered), PCM_24, FLOAT, ...; 24 bits for wav, flac, aiff if not given."
)
_WINDOW = typer.Option("--n-fft", min=4, help="Window in samples, even: long for low notes, short for attacks.")
_VOCODER = typer.Option("--method", help="locked (phases locked to peaks) or gradient (phase gradient integration).")
_QUIET = typer.Option("--quiet", "-q", help="Say only what went wrong.")


@app.command()
def invert(
    magnitude: Annotated[
        Path,
        typer.Argument(
            metavar="MAGNITUDE.npy",
            help="Linear magnitudes (bins, frames) or (channels, bins, frames), as np.save writes them.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, _OUT],
    n_fft: Annotated[int | None, typer.Option("--n-fft", min=2, help="2 (bins - 1) if not given.")] = None,
    hop: Annotated[int | None, typer.Option(min=1, help="Samples between frames; n-fft / 4 if not given.")] = None,
    sample_rate: Annotated[int, typer.Option(min=1, metavar="HZ", help="Of the sound.")] = 44100,
    method: Annotated[
        str, typer.Option(help="auto, griffin_lim, fast_griffin_lim, accelerated_griffin_lim, admm, raar, ...")
    ] = "auto",
    n_iter: Annotated[int, typer.Option("--n-iter", min=0, help="Iterations; 0 is the first phase.")] = 100,
    init: Annotated[str, typer.Option(help="First phase: pghi, spsi, random or zero.")] = "pghi",
    samples: Annotated[
        int | None, typer.Option(min=1, help="Length of the sound; the shortest with so many frames if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of --init random.")] = 0,
    subtype: Annotated[str | None, _SUBTYPE] = None,
    quiet: Annotated[bool, _QUIET] = False,
) -> None:
    """Write the sound that a magnitude spectrogram is of (Hann window, centred frames)."""
    out_console, error_console = consoles()
    import torch

    from ..render.spectral_files import invert_file

    torch.set_num_threads(1)
    try:
        with _iterations(error_console, n_iter, quiet) as told:
            written = invert_file(
                magnitude,
                out,
                sample_rate=sample_rate,
                n_fft=n_fft,
                hop_length=hop,
                method=method,
                n_iter=n_iter,
                init=init,
                length=samples,
                seed=seed,
                subtype=subtype,
                progress=told,
            )
    except (OSError, ValueError) as error:
        refuse(error)
    _say_written(written, out, out_console, error_console, quiet)


@app.command()
def stretch(
    source: Annotated[Path, _SOUND],
    rate: Annotated[float, typer.Option(help="How much faster: 1.25 takes 4/5 of the time.", show_default=False)],
    out: Annotated[Path | None, _BESIDE] = None,
    n_fft: Annotated[int, _WINDOW] = 2048,
    method: Annotated[str, _VOCODER] = "locked",
    subtype: Annotated[str | None, _SUBTYPE] = None,
    quiet: Annotated[bool, _QUIET] = False,
) -> None:
    """Make a sound faster or slower, at its pitch."""
    out_console, error_console = consoles()
    from ..render.spectral_files import stretch_file

    out = source.with_name(f"{source.stem}_x{rate:g}{source.suffix}") if out is None else out
    try:
        written = stretch_file(source, out, rate, n_fft=n_fft, method=method, subtype=subtype)
    except (OSError, ValueError) as error:
        refuse(error)
    _say_written(written, out, out_console, error_console, quiet)


@app.command()
def pitch(
    source: Annotated[Path, _SOUND],
    semitones: Annotated[float, typer.Option(help="Up, or negative down; 12 is an octave.", show_default=False)],
    out: Annotated[Path | None, _BESIDE] = None,
    n_fft: Annotated[int, _WINDOW] = 2048,
    method: Annotated[str, _VOCODER] = "locked",
    subtype: Annotated[str | None, _SUBTYPE] = None,
    quiet: Annotated[bool, _QUIET] = False,
) -> None:
    """Make a sound higher or lower, at its speed."""
    out_console, error_console = consoles()
    from ..render.spectral_files import pitch_file

    out = source.with_name(f"{source.stem}_{semitones:+g}st{source.suffix}") if out is None else out
    try:
        written = pitch_file(source, out, semitones, n_fft=n_fft, method=method, subtype=subtype)
    except (OSError, ValueError) as error:
        refuse(error)
    _say_written(written, out, out_console, error_console, quiet)


def _say_written(written: Written, target: Path, out: Console, error: Console, quiet: bool) -> None:
    for warning in written.warnings:
        print_lines(error, f"warning {target}: {warning}")
    if not quiet:
        convergence = written.convergence_db
        print_lines(
            out, f"wrote {target}" + ("" if convergence is None else f" ({convergence:.1f} dB from the magnitude)")
        )


def _iterations(console: Console, n_iter: int, quiet: bool) -> Any:
    from contextlib import contextmanager

    @contextmanager
    def bar() -> Any:
        if quiet or not console.is_terminal:
            yield None
            return
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as shown:
            task = shown.add_task("", total=n_iter)
            yield lambda step, level: shown.update(task, completed=step, description=f"{level:.1f} dB")

    return bar()
