"""The commands that work on spectra: `invert`, `stretch` and `pitch`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .app import Overwrite, Quiet, Subtype, app, progress_bar, refuse, refuse_existing, report_written
from .grouped import grouped

_OUT = typer.Option("--out", "-o", metavar="OUT", help="Sound file to write.", show_default=False)

_Sound = Annotated[Path, typer.Argument(metavar="IN", help="Sound file.", show_default=False)]


@dataclass(frozen=True)
class Vocoder:
    """What `stretch` and `pitch` both take."""

    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="OUT", help="Sound file to write; beside the input if not given.", show_default=False
        ),
    ] = None
    n_fft: Annotated[
        int, typer.Option("--n-fft", min=4, help="Window in samples, even: long for low notes, short for attacks.")
    ] = 2048
    method: Annotated[
        str, typer.Option("--method", help="locked (phases locked to peaks) or gradient (phase gradient integration).")
    ] = "locked"
    subtype: Subtype = None
    overwrite: Overwrite = False
    quiet: Quiet = False


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
    subtype: Subtype = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Write the sound that a magnitude spectrogram is of (Hann window, centred frames)."""
    import torch

    from ..render.spectral_files import invert_file

    torch.set_num_threads(1)
    try:
        refuse_existing([out], overwrite)
        with progress_bar(lambda: n_iter, quiet) as update:
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
                progress=update and (lambda step, level: update(completed=step, description=f"{level:.1f} dB")),
            )
    except (OSError, ValueError) as error:
        refuse(error)
    report_written(out, written.warnings, quiet, f" ({written.convergence_db:.1f} dB from the magnitude)")


@app.command()
@grouped
def stretch(
    source: _Sound,
    rate: Annotated[float, typer.Option(help="How much faster: 1.25 takes 4/5 of the time.", show_default=False)],
    how: Vocoder,
) -> None:
    """Make a sound faster or slower, at its pitch."""
    _stretch(source, f"x{rate:g}", how, rate=rate)


@app.command()
@grouped
def pitch(
    source: _Sound,
    semitones: Annotated[float, typer.Option(help="Up, or negative down; 12 is an octave.", show_default=False)],
    how: Vocoder,
) -> None:
    """Make a sound higher or lower, at its speed."""
    _stretch(source, f"{semitones:+g}st", how, semitones=semitones)


def _stretch(source: Path, suffix: str, how: Vocoder, **change: float) -> None:
    from ..render.spectral_files import stretch_file

    out = source.with_name(f"{source.stem}_{suffix}{source.suffix}") if how.out is None else how.out
    try:
        if out.absolute() != source.absolute():  # which is refused in any case
            refuse_existing([out], how.overwrite)
        written = stretch_file(source, out, n_fft=how.n_fft, method=how.method, subtype=how.subtype, **change)
    except (OSError, ValueError) as error:
        refuse(error)
    report_written(out, written.warnings, how.quiet)
