"""The commands that render: files through a chain, and a demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import FAILED, Overwrite, Quiet, app, consoles, importing, print_lines, progress_bar, refuse, refuse_existing
from .batch import run_batch
from .grouped import grouped
from .options import Files, Level, Run, Samples
from .steps import Effects, chain_of, complete_effect, complete_setting, is_setting


def _complete_words(context: typer.Context, incomplete: str) -> list[str]:
    return complete_setting([context.params.get("effect") or "", *(context.params.get("words") or ())], incomplete)


@app.command()
@grouped
def render(
    words: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[CHAIN.yaml] INPUT...",
            help="Chain file, unless -e gives the effects; then sound files, folders and patterns of them, or -.",
            show_default=False,
        ),
    ] = None,
    *,
    files: Files,
    effects: Effects = None,
    level: Level,
    samples: Samples,
    run: Run,
) -> None:
    """Render sound files through a chain.

    Folders are mirrored. Latency is taken out and tails are kept. A file that fails does not stop the others. The exit
    status is 0, 1 if a file failed, 2 for a wrong command, 3 if there was nothing to render, 130 if interrupted.
    """
    with importing():
        from ..presets import load_chain
        from ..render import FORMATS

    words = words or []
    try:
        if not effects and not words:
            raise ValueError("name a chain file, or give effects with -e; then sound files or folders of them")
        if not effects and words[0].suffix.lower() in FORMATS:
            raise ValueError(f"{words[0]}: is a sound file; name a chain file first, or give effects with -e")
        chain_file = chain_of(effects) if effects else load_chain(words[0])
    except (OSError, ValueError) as error:
        refuse(error)
    run_batch(chain_file, words if effects else words[1:], files, level, samples, run)


@app.command("apply")
@grouped
def apply_effect(
    effect: Annotated[
        str,
        typer.Argument(metavar="EFFECT", help="Name, as `difffx list` shows it.", autocompletion=complete_effect),
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT... [KNOB=VALUE]...",
            help="Sound files and folders of them, and settings of the effect: knobs and options.",
            show_default=False,
            autocompletion=_complete_words,
        ),
    ] = None,
    *,
    files: Files,
    level: Level,
    samples: Samples,
    run: Run,
) -> None:
    """Apply one effect to sound files, without a chain file.

    For example: difffx apply Compressor in.wav -o out.wav threshold_db=-24 ratio=4
    """
    words = words or []
    given = [word for word in words if is_setting(word)]
    try:
        chain_file = chain_of([f"{effect}:{','.join(given)}"])
    except (OSError, ValueError) as error:
        refuse(error)
    run_batch(chain_file, [Path(word) for word in words if not is_setting(word)], files, level, samples, run)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write to.")] = Path("demo"),
    sample_rate: Annotated[int, typer.Option(min=8000, max=192000, metavar="HZ")] = 44100,
    seconds: Annotated[float, typer.Option(min=0.5, max=600.0, help="Length of the clip.")] = 9.6,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Synthesise a clip, run a chain over it, and write dry and wet files and a page to hear and see them."""
    console, error_console = consoles()
    try:
        refuse_existing((out / name for name in ("dry.wav", "wet.wav", "chain.yaml", "index.html")), overwrite)
    except ValueError as error:
        refuse(error)
    if not quiet:
        text = f"making a clip, a chain and a page in {out} (the first time compiles kernels: half a minute)"
        print_lines(error_console, text)
    import torch

    from ..report.demo import STEPS, write_demo

    torch.set_num_threads(1)
    try:
        with progress_bar(lambda: len(STEPS), quiet) as update:
            told = update and (lambda done, step: update(completed=done, description=step))
            page = write_demo(out, sample_rate, seconds, told)
    except (OSError, ValueError) as error:
        refuse(error, FAILED)
    if quiet:
        return
    print_lines(
        console, *(f"wrote {path}" for path in sorted(out.iterdir()) if path.suffix in (".wav", ".yaml", ".html"))
    )
    print_lines(console, f"open {page} in a browser")
