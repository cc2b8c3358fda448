"""The command that finds settings from a dry and a wet recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import FAILED, Overwrite, Quiet, app, consoles, print_lines, refuse, refuse_existing, report_written
from .steps import Effects, chain_of


@app.command()
def fit(
    dry: Annotated[Path, typer.Option(help="The sound before the effects.", show_default=False)],
    wet: Annotated[Path, typer.Option(help="The sound after them.", show_default=False)],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="CHAIN.yaml", help="Chain file to write.")],
    chain: Annotated[
        Path | None, typer.Option("-c", "--chain", help="Chain file: its effects, its settings as a first guess.")
    ] = None,
    effects: Effects = None,
    freeze: Annotated[
        list[str] | None, typer.Option(metavar="KNOB", help="A knob that stays where it is; may be repeated.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1.0, help="How long it may take.")] = 60.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the random settings.")] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Find the settings with which effects turn one recording into another.

    Both are of one take: the same sound before and after. They are moved into step first. Ctrl-C keeps the best so far.
    The exit status is 0, 1 if the settings explain less than half of what was to be explained, 2 for a wrong command.
    """
    import torch

    from ..files import audio_info, read_sound
    from ..fit import fit as find
    from ..presets import load_chain, save_chain

    torch.set_num_threads(1)
    try:
        refuse_existing([out], overwrite)
        if bool(effects) == (chain is not None):
            raise ValueError("name a chain file with -c, or effects with -e: those whose settings are looked for")
        rates = [audio_info(path).sample_rate for path in (dry, wet)]
        if rates[0] != rates[1]:
            raise ValueError(f"{dry} has {rates[0]} Hz and {wet} {rates[1]} Hz; convert one of them first")
        fx, settings = (chain_of(effects) if effects else load_chain(chain)).build(rates[0])  # type: ignore[arg-type]
        if moving := [name for name, value in settings.items() if not isinstance(value, int | float)]:
            raise ValueError(f"{chain}: {', '.join(moving)} moves; a fit looks for settings that stand still")
        x, y = (read_sound(path)[None] for path in (dry, wet))
        if x.shape[1] != y.shape[1]:
            x = x.expand(-1, y.shape[1], -1) if x.shape[1] == 1 else x
        found = find(fx, x, y, frozen=freeze or (), seed=seed, time_budget_s=seconds, progress=False if quiet else None)
    except (OSError, ValueError) as error:
        refuse(error)
    about = f"Found from {wet.name} and {dry.name}, residual {found.residual_db:.1f} dB."
    save_chain(out, found.fx, about=about)  # type: ignore[arg-type]  # the chain it was given
    if not quiet:
        print_lines(consoles()[0], *found.describe().splitlines())
        report_written(out, (), quiet)
    if found.residual_db > -3.0:
        raise typer.Exit(FAILED)
