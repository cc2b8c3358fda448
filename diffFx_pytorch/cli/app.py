"""The application that commands register with, and the output of commands: consoles, progress, errors, exit codes."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from .. import __version__

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    help="Audio effects in physical units: apply them to files, alone or in a chain; list and describe them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

USAGE, FAILED = 2, 1
_PIPE_WIDTH = 80
_with_bar: Console | None = None  # what is printed beside a bar goes through the console that draws it

Subtype = Annotated[
    str | None,
    typer.Option(
        help="Samples: PCM_16 (dithered), PCM_24, FLOAT, ...; those of the input, or the usual, if not given."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that are there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")]


def main() -> None:
    """Run the command line; a terminated run leaves no half-written files."""
    gc.set_threshold(50_000, 20, 50)  # importing torch and Numba makes a million objects, and all of them stay
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores a hang-up
            signal.signal(number, lambda got, _: sys.exit(128 + got))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() == "utf-8":
            stream.reconfigure(errors="surrogateescape")  # a name that is no text is printed as its bytes
    try:
        app(prog_name="difffx")
    finally:
        gc.freeze()  # the interpreter would look through all of it once more before it ends


@contextmanager
def importing() -> Iterator[None]:
    """A context of imports, in which no garbage is looked for, nor later in what they made: all of it stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


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
    # What the library warns of is for people here, not for who wrote the line.
    warnings.showwarning = lambda message, *_: print_lines(consoles()[1], f"warning: {message}")


def consoles() -> tuple[Console, Console]:
    """The consoles of standard output and standard error; one for both while a bar is shown on a terminal."""
    from rich.console import Console

    if _with_bar is not None and sys.stdout.isatty():
        return _with_bar, _with_bar
    # A pipe has no width of its own; rich knows that of a terminal.
    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS") or _PIPE_WIDTH)
    return Console(highlight=False, width=width), _with_bar or Console(stderr=True, highlight=False)


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
    global _with_bar
    console = consoles()[1]
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    # What goes to a file or a pipe must not be drawn above the bar instead.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as shown:
        task, _with_bar = shown.add_task("", total=total()), console
        try:
            yield lambda **state: shown.update(task, **state)
        finally:
            _with_bar = None


@contextmanager
def status_line(quiet: bool) -> Iterator[Callable[[str], None] | None]:
    """A line on the terminal of standard error that changes, if it is one.

    Args:
        quiet: show none.

    Yields:
        A function of the text; None without a line.
    """
    global _with_bar
    console = consoles()[1]
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.live import Live
    from rich.text import Text

    with Live(console=console, transient=True, auto_refresh=False, redirect_stdout=False) as shown:
        _with_bar = console
        try:
            yield lambda text: shown.update(Text(text, no_wrap=True), refresh=True)
        finally:
            _with_bar = None


def refuse_existing(targets: Iterable[Path], overwrite: bool, cure: str = "give --overwrite") -> None:
    """Refuse to replace what is there, unless that is what was asked for.

    Raises:
        ValueError: naming the first target that is there.
    """
    there = [] if overwrite else [target for target in targets if os.path.lexists(target)]
    if there:
        more = f" and {len(there) - 1} others" if len(there) > 1 else ""
        raise ValueError(f"{there[0]}{more}: is there already; {cure}")


def refuse(error: Exception, status: int = USAGE) -> NoReturn:
    """End the command with an error message; ``USAGE`` blames what was given, ``FAILED`` what happened."""
    typer.echo(f"difffx: {_text(error)}", err=True)
    raise typer.Exit(status)


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
