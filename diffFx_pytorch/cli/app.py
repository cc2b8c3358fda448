"""The application that commands register with, and how commands speak: consoles, errors, exit codes."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from .. import __version__

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    help="Audio effects in physical units: render files through a chain, list and describe effects.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

USAGE, FAILED = 2, 1


def main() -> None:
    """Run the command line; a terminated run leaves no half-written files."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    app(prog_name="difffx")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"difffx {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


def consoles() -> tuple[Console, Console]:
    """The consoles of standard output and standard error."""
    from rich.console import Console

    # A pipe has no width; let whoever reads it break the lines.
    wide = {} if sys.stdout.isatty() else {"width": 200}
    return Console(highlight=False, **wide), Console(stderr=True, highlight=False)  # type: ignore[arg-type]


def print_lines(console: Console, *lines: Any) -> None:
    """Print each line (or table) as it is, without markup."""
    for line in lines:
        console.print(line, markup=False, soft_wrap=isinstance(line, str))


def refuse(error: Exception) -> NoReturn:
    """End the command because of what it was given."""
    typer.echo(f"difffx: {_text(error)}", err=True)
    raise typer.Exit(USAGE)


def fail(error: Exception) -> NoReturn:
    """End the command because of what went wrong."""
    typer.echo(f"difffx: {_text(error)}", err=True)
    raise typer.Exit(FAILED)


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
