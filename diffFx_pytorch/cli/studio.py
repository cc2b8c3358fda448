"""The command that opens the rack in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import Quiet, app, consoles, print_lines, refuse
from .chains import _complete_chain

_LOCAL = ("127.0.0.1", "localhost", "::1")


@app.command()
def studio(
    audio: Annotated[
        Path | None, typer.Argument(metavar="[AUDIO]", help="Sound file, or folder of them.", show_default=False)
    ] = None,
    chain: Annotated[
        str | None,
        typer.Option("-c", "--chain", help="Chain file, or name of a preset.", autocompletion=_complete_chain),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="The only folder that is read and written; that of AUDIO, or the working folder."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; any but this machine's own asks for a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8765,
    token: Annotated[
        str, typer.Option(envvar="DIFFFX_TOKEN", help="What a browser must know; made up where one is needed.")
    ] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Do not take up where the last session ended.")] = False,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    quiet: Quiet = False,
) -> None:
    """Open a rack of effects in the browser (pip install -e '.[studio]').

    Turn knobs and hear them, draw automation, compare, look for settings, save chain files and render. All it needs is
    on this machine. It reads and writes below one folder only.
    """
    try:
        from ..studio.serving import serve
    except ImportError as error:
        refuse(ImportError(f"the studio needs {error.name}: pip install -e '.[studio]'"))
    from ..presets import presets
    from ..studio import Folder, Session

    try:
        home = folder or (audio if audio and audio.is_dir() else audio.parent if audio else Path())
        below = Folder(home)
        source = None if audio is None or audio.is_dir() else below.name(audio)
        if audio is not None and not audio.exists():
            raise ValueError(f"{audio}: no such file or folder")
        named = chain if chain is None or (chain in presets() and not Path(chain).exists()) else below.name(Path(chain))
        session = Session(below, source, named, restore=not fresh)
    except (OSError, ValueError) as error:
        refuse(error)

    def ready(url: str) -> None:
        if not quiet:
            print_lines(consoles()[1], f"studio of {below.root} at {url} (Ctrl-C ends it)")
        if browser:
            import webbrowser

            webbrowser.open(url)

    try:
        serve(session, host, port, token, needs_token=host not in _LOCAL, ready=ready)
    except OSError as error:
        refuse(error)
