"""The command ``difffx``: render files through a chain, list and describe effects, make a demo, work on spectra.

What is heavy (torch, numba, numpy) is imported by the command that needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, get_args, get_origin, get_type_hints

import typer

from . import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from .processor import Processor
    from .render import Outcome
    from .spectral_tools import Written

app = typer.Typer(
    help="Audio effects in physical units: render files through a chain, list and describe effects.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

USAGE, FAILED = 2, 1

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


@app.command()
def render(
    chain: Annotated[Path, typer.Argument(metavar="CHAIN.yaml", help="Chain file.", show_default=False)],
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT...", help="Sound files and folders of them.", show_default=False)
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="OUT", help="Folder, or file for one input file.", show_default=False),
    ],
    extension: Annotated[
        str | None, typer.Option("--format", "-f", help="Format of the outputs, e.g. flac; the input's if not given.")
    ] = None,
    subtype: Annotated[
        str | None,
        typer.Option(help="Samples: PCM_16 (dithered), PCM_24, FLOAT, ...; 24 bits for wav, flac, aiff if not given."),
    ] = None,
    sample_rate: Annotated[
        int | None, typer.Option(min=1, metavar="HZ", help="Resample to this rate; the input's if not given.")
    ] = None,
    lufs: Annotated[
        float | None, typer.Option(metavar="LUFS", help="Bring each output to this integrated loudness, e.g. -16.")
    ] = None,
    tail: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Longest tail after the input's end; 0 for none.")
    ] = 30.0,
    block: Annotated[float, typer.Option(min=0.001, metavar="SECONDS", help="Length of a block.")] = 1.0,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Files at once; as many as processors if not given.")
    ] = None,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave outputs alone that are there: go on after a break.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")] = False,
) -> None:
    """Render sound files through a chain.

    Folders are mirrored. Latency is taken out and tails are kept. A file that fails does not stop the others; the exit
    status is then 1.
    """
    out_console, error_console = _consoles()
    import torch

    from .presets import load_chain
    from .render import plan, render_batch
    from .render.audio_file import format_of

    try:
        chain_file = load_chain(chain)
        planned = plan(inputs, out, extension)
        for target in {target.suffix.lower(): target for _, target in planned}.values():
            format_of(target, subtype)
    except (OSError, ValueError) as error:
        _refuse(error)
    # Blocks are too small to gain from threads inside an operation; files side by side do.
    torch.set_num_threads(1)
    settings = {"block_seconds": block, "tail": tail, "sample_rate": sample_rate, "subtype": subtype, "lufs": lufs}
    workers = min(jobs or _processors(), len(planned))
    outcomes = []
    with _progress(error_console, [source for source, _ in planned], quiet) as told:
        for outcome in render_batch(
            chain_file.build, planned, skip_existing=skip_existing, workers=workers, progress=told, **settings
        ):
            outcomes.append(outcome)
            _say(outcome, out_console, error_console, quiet)
    counts = {status: sum(o.status == status for o in outcomes) for status in ("done", "skipped", "failed")}
    if len(outcomes) > 1 and not (quiet and not counts["failed"]):
        summary = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        _print(error_console, f"{len(outcomes)} files: {summary}")
    if counts["failed"]:
        raise typer.Exit(FAILED)


@app.command("list")
def list_effects() -> None:
    """List the effects, by family."""
    console, _ = _consoles()
    from rich.table import Table

    from . import registry

    families: dict[str, list[tuple[str, type[Processor]]]] = {}
    for name, cls in sorted(registry.effects().items()):
        families.setdefault(registry.family(cls), []).append((name, cls))
    table = Table(box=None, pad_edge=False)
    for heading in ("Family", "Effect", "Knobs", "What it does"):
        table.add_column(heading, no_wrap=heading != "What it does", justify="right" if heading == "Knobs" else "left")
    for family, members in sorted(families.items()):
        for i, (name, cls) in enumerate(members):
            summary = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].replace("\n", " ")
            table.add_row("" if i else family, name, str(len(cls().params)), summary)
    _print(console, table)


@app.command()
def describe(
    effect: Annotated[str, typer.Argument(metavar="EFFECT", help="Name, as `difffx list` shows it.")],
) -> None:
    """Describe an effect: what it does, its knobs and options, and how it stands in a chain file."""
    console, _ = _consoles()
    from rich.table import Table

    from . import registry
    from .presets import dump_chain, option_defaults
    from .routing import Chain

    try:
        cls = registry.effect(effect)
    except ValueError as error:
        _refuse(error)
    fx = cls()
    _print(console, f"{cls.__name__}  ({registry.family(cls)})\n")
    _print(console, inspect.cleandoc(cls.__doc__ or "").split("\n\nKnobs:")[0].strip() + "\n")
    knobs = Table("Knob", "From", "To", "Default", "Unit", "Curve", "What it does", box=None, pad_edge=False)
    for name, param in fx.params.items():
        ends = (f"{v:g}" for v in (param.min_val, param.max_val, param.default))
        doc = param.doc if param.automatable else f"{param.doc} Does not move within a signal."
        knobs.add_row(name, *ends, param.unit, param.curve, doc)
    _print(console, knobs)
    options = option_defaults(cls)
    if options:
        hints = get_type_hints(cls.__init__)
        table = Table("Option", "Default", "Type", box=None, pad_edge=False)
        for name, option in options.items():
            table.add_row(name, repr(option.default), _type_text(hints.get(name, option.annotation)))
        _print(console, "", table)
    claims = [", ".join(sorted(fx.traits))] if fx.traits else []
    claims += [f"latency {fx.latency_samples} samples"] if fx.latency_samples else []
    claims += ["takes a sidechain"] if fx.takes_sidechain else []
    claims += [] if fx.streamable else ["needs the whole signal"]
    _print(console, "", "; ".join(claims) or "no claims", "", "In a chain file:", "")
    typer.echo(dump_chain(Chain(fx)), nl=False)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write to.")] = Path("demo"),
    sample_rate: Annotated[int, typer.Option(min=8000, max=192000, metavar="HZ")] = 44100,
    seconds: Annotated[float, typer.Option(min=0.5, max=600.0, help="Length of the clip.")] = 9.6,
) -> None:
    """Synthesise a clip, run a chain over it, and write dry and wet files and a page to hear and see them."""
    console, _ = _consoles()
    import torch

    from .demo import write_demo

    torch.set_num_threads(1)
    try:
        page = write_demo(out, sample_rate, seconds)
    except (OSError, ValueError) as error:
        _fail(error)
    _print(console, *(f"wrote {path}" for path in sorted(out.iterdir()) if path.suffix in (".wav", ".yaml", ".html")))
    _print(console, f"open {page} in a browser")


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
    out_console, error_console = _consoles()
    import torch

    from .spectral_tools import invert_file

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
        _refuse(error)
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
    out_console, error_console = _consoles()
    from .spectral_tools import stretch_file

    out = source.with_name(f"{source.stem}_x{rate:g}{source.suffix}") if out is None else out
    try:
        written = stretch_file(source, out, rate, n_fft=n_fft, method=method, subtype=subtype)
    except (OSError, ValueError) as error:
        _refuse(error)
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
    out_console, error_console = _consoles()
    from .spectral_tools import pitch_file

    out = source.with_name(f"{source.stem}_{semitones:+g}st{source.suffix}") if out is None else out
    try:
        written = pitch_file(source, out, semitones, n_fft=n_fft, method=method, subtype=subtype)
    except (OSError, ValueError) as error:
        _refuse(error)
    _say_written(written, out, out_console, error_console, quiet)


def _say_written(written: Written, target: Path, out: Console, error: Console, quiet: bool) -> None:
    for warning in written.warnings:
        _print(error, f"warning {target}: {warning}")
    if not quiet:
        convergence = written.convergence_db
        _print(out, f"wrote {target}" + ("" if convergence is None else f" ({convergence:.1f} dB from the magnitude)"))


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


def _type_text(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _consoles() -> tuple[Console, Console]:
    from rich.console import Console

    # A pipe has no width; let whoever reads it break the lines.
    wide = {} if sys.stdout.isatty() else {"width": 200}
    return Console(highlight=False, **wide), Console(stderr=True, highlight=False)  # type: ignore[arg-type]


def _print(console: Console, *lines: Any) -> None:
    for line in lines:
        console.print(line, markup=False, soft_wrap=isinstance(line, str))


def _refuse(error: Exception) -> NoReturn:
    typer.echo(f"difffx: {_text(error)}", err=True)
    raise typer.Exit(USAGE)


def _fail(error: Exception) -> NoReturn:
    typer.echo(f"difffx: {_text(error)}", err=True)
    raise typer.Exit(FAILED)


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _say(outcome: Outcome, out: Console, error: Console, quiet: bool) -> None:
    if outcome.status == "failed":
        message = outcome.error.removeprefix(f"{outcome.source}: ")
        _print(error, f"failed {outcome.source}: {message}")
        return
    for warning in outcome.rendered.warnings if outcome.rendered else ():
        _print(error, f"warning {outcome.target}: {warning}")
    if not quiet:
        _print(out, f"{'skipped' if outcome.status == 'skipped' else 'wrote'} {outcome.target}")


def _progress(console: Console, sources: list[Path], quiet: bool) -> Any:
    from contextlib import contextmanager

    @contextmanager
    def nothing() -> Any:
        yield None

    @contextmanager
    def bar() -> Any:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        from .render.audio_file import audio_info

        def seconds(path: Path) -> float:
            try:
                info = audio_info(path)
            except OSError:
                return 0.0
            return info.frames / info.sample_rate

        columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        # What goes to a file or a pipe must not be drawn above the bar instead.
        redirected = not sys.stdout.isatty()
        with Progress(*columns, console=console, transient=True, redirect_stdout=not redirected) as shown:
            task = shown.add_task("", total=sum(map(seconds, sources)))
            yield lambda path, done: shown.update(task, advance=done, description=path.name)

    return bar() if console.is_terminal and not quiet else nothing()


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    main()
