"""The application that commands register with, and the output of commands: consoles, progress, errors, exit codes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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

SUBTYPE = typer.Option(help="Samples: PCM_16 (dithered), PCM_24, FLOAT, ...; 24 bits for wav, flac, aiff if not given.")
QUIET = typer.Option("--quiet", "-q", help="Say only what went wrong.")


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


def report_written(target: object, warnings: Iterable[str], quiet: bool, note: str = "") -> None:
    """Print that a file was written, and warnings for the listener."""
    out, error = consoles()
    for warning in warnings:
        print_lines(error, f"warning {target}: {warning}")
    if not quiet:
        print_lines(out, f"wrote {target}{note}")


@contextmanager
def progress_bar(total: Callable[[], float], quiet: bool) -> Iterator[Callable[..., None] | None]:
    """A bar on the terminal of standard error, if it is one.

    Args:
        total: gives the work to do; not asked where there is no bar.
        quiet: show no bar.

    Yields:
        A function of the keywords ``completed`` or ``advance``, and ``description``; None without a bar.
    """
    console = consoles()[1]
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    # What goes to a file or a pipe must not be drawn above the bar instead.
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as shown:
        task = shown.add_task("", total=total())
        yield lambda **state: shown.update(task, **state)


def refuse(error: Exception, status: int = USAGE) -> NoReturn:
    """End the command with an error message; ``USAGE`` blames what was given, ``FAILED`` what happened."""
    typer.echo(f"difffx: {_text(error)}", err=True)
    raise typer.Exit(status)


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
