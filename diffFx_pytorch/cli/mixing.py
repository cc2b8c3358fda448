"""The command that mixes: `mix`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import FAILED, Overwrite, Quiet, Subtype, app, progress_bar, refuse, refuse_existing, report_written


@app.command()
def mix(
    session: Annotated[Path, typer.Argument(metavar="SESSION.yaml", help="Session file.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Sound file of the mix.", show_default=False)],
    stems: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for a file of each track or bus that goes to the master."),
    ] = None,
    solo: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Hear only this track or bus; may be repeated.")
    ] = None,
    mute: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Leave this track or bus out; may be repeated.")
    ] = None,
    subtype: Subtype = None,
    sample_rate: Annotated[
        int | None, typer.Option(min=1000, metavar="HZ", help="Of the mix, in place of what the session says.")
    ] = None,
    tail: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Longest tail after the last clip; 0 for none.")
    ] = 30.0,
    block: Annotated[float, typer.Option(min=0.001, metavar="SECONDS", help="Length of a block.")] = 1.0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Mix the tracks of a session file: clips through inserts and faders, over sends and buses, to a master.

    All paths are aligned, tails are kept, files of other rates are resampled. docs/mixing.md describes the file.
    """
    import torch

    from ..mix import load_session, render_session
    from ..mix.render import stem_files

    try:
        loaded = load_session(session, sample_rate)
        loaded.flag(solo=solo or (), mute=mute or ())
        refuse_existing([out, *stem_files(loaded, out, stems).values()], overwrite)
    except (OSError, ValueError) as error:
        refuse(error)
    torch.set_num_threads(1)  # blocks are too small to gain from threads inside an operation
    settings = {"stems": stems, "block_seconds": block, "tail": tail, "subtype": subtype}
    try:
        with progress_bar(lambda: loaded.frames / loaded.sample_rate, quiet) as update:
            told = update and (lambda seconds: update(advance=seconds, description=out.name))
            mixed = render_session(loaded, out, progress=told, **settings)
    except (OSError, ValueError) as error:
        refuse(error, FAILED if isinstance(error, OSError) else 2)
    report_written(out, mixed.warnings, quiet)
    for path in mixed.stems.values():
        report_written(path, (), quiet)
