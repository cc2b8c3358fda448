"""The command that finds settings from a dry and a wet recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import FAILED, Overwrite, Quiet, app, consoles, print_lines, refuse, refuse_existing, report_written
from .grouped import grouped
from .steps import Effects, chain_of

if TYPE_CHECKING:
    from ..fit.recordings import Recordings
    from ..presets.chain_file import ChainFile

_INTERRUPTED = 130
_EXPLAINED = 0.5


@dataclass(frozen=True)
class Looked:
    """Which effects are looked for, and how."""

    chain: Annotated[
        Path | None, typer.Option("-c", "--chain", help="Chain file: its effects, its settings as a first guess.")
    ] = None
    effects: Effects = None
    among: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="EFFECTS",
            help="Find which of these effects, in which order: eq,compressor,delay, any-reverb, or usual.",
        ),
    ] = None
    freeze: Annotated[
        list[str] | None, typer.Option(metavar="KNOB", help="A knob that stays where it is; may be repeated.")
    ] = None
    seconds: Annotated[
        float | None, typer.Option(min=1.0, help="How long it may take; 60, and 300 with --from.", show_default=False)
    ] = None
    seed: Annotated[int, typer.Option(min=0, help="Of the random settings.")] = 0


@app.command()
@grouped
def fit(
    looked: Looked,
    dry: Annotated[Path, typer.Option(help="The sound before the effects; or a folder of them.", show_default=False)],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="CHAIN.yaml", help="Chain file to write; with --each a folder.")
    ],
    wet: Annotated[
        Path | None, typer.Option(help="The sound after them; or a folder, pairs by name.", show_default=False)
    ] = None,
    like: Annotated[
        Path | None, typer.Option(metavar="REFERENCE", help="Another recording to sound like, in place of --wet.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="PAGE.html", help="Write a page to hear and see what was found.")
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="Of folders, a chain for each pair, not one for all.")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Find the settings, or the effects, with which one recording becomes another.

    --dry and --wet are of one take: the same sound before and after. They are moved into step first. Of two folders one
    chain is fitted to all pairs; one that cannot be read is reported. Ctrl-C keeps the best so far.
    The exit status is 0; 1 if the settings explain less than half of the change or a pair failed; 2 for a wrong
    command; 130 after Ctrl-C.
    """
    import torch

    torch.set_num_threads(1)
    try:
        refuse_existing(filter(None, [out, report]), overwrite)
        if sum(map(bool, (looked.effects, looked.chain, looked.among))) != 1:
            raise ValueError(
                "name a chain file with -c, effects with -e, or what to choose from with --from eq,compressor,delay"
            )
        if like is not None and (looked.among or each or dry.is_dir()):
            raise ValueError("--like takes one sound, and the effects to turn: -c or -e")
        if each and not dry.is_dir():
            raise ValueError("--each is for folders of pairs")
        if wet is not None and like is None:
            failed = _pairs(looked, dry, wet, out, report, each, quiet)
        elif like is not None and wet is None:
            failed = _like(looked, dry, like, out, report, quiet)
        else:
            raise ValueError("name the sound after the effects with --wet, or one to sound like with --like")
    except (OSError, ValueError) as error:
        refuse(error)
    except KeyboardInterrupt:
        refuse(ValueError("stopped before anything was found"), _INTERRUPTED)
    if failed:
        raise typer.Exit(failed)


def _pairs(looked: Looked, dry: Path, wet: Path, out: Path, report: Path | None, each: bool, quiet: bool) -> int:
    """Fit, write and say; the exit status."""
    from ..fit.recordings import pairs_in, read_pair

    if not dry.is_dir() and not wet.is_dir():
        return _one(looked, [read_pair(dry, wet)], out, report, quiet)
    named, alone = pairs_in(dry, wet)
    error = consoles()[1]
    print_lines(error, *(f"warning {path}: has no partner" for path in alone))
    read, failed, rate = [], 0, None
    for name, x, y in named:
        try:
            read.append(read_pair(x, y, name, rate))
            rate = read[0].sample_rate
        except (OSError, ValueError) as problem:
            failed = FAILED
            print_lines(error, f"failed {name}: {str(problem).removeprefix(f'{name}: ')}")
    if not read:
        raise ValueError(f"{dry} and {wet}: no pair could be read")
    if not each:
        channels = max((pair.dry.shape[1] for pair in read), key=[p.dry.shape[1] for p in read].count)
        for pair in read:
            if pair.dry.shape[1] != channels:
                failed = FAILED
                print_lines(error, f"failed {pair.name}: has {pair.dry.shape[1]} channels, most have {channels}")
        return _one(looked, [p for p in read if p.dry.shape[1] == channels], out, report, quiet) or failed
    for pair in read:
        if not quiet:
            print_lines(consoles()[0], f"{pair.name}:")
        chain, page = out / f"{pair.name}.yaml", None if report is None else report / f"{pair.name}.html"
        for path in filter(None, (chain, page)):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            status = _one(looked, [pair], chain, page, quiet)
        except (OSError, ValueError) as problem:
            status = FAILED
            print_lines(error, f"failed {pair.name}: {problem}")
        if status == _INTERRUPTED:
            return status
        failed = failed or status
    return failed


def _one(looked: Looked, pairs: Sequence[Recordings], out: Path, report: Path | None, quiet: bool) -> int:
    """One chain for these pairs."""
    from ..fit import candidates, fit_structure
    from ..fit import fit as find
    from ..presets import save_chain

    progress = False if quiet else None
    rate = pairs[0].sample_rate
    x, y = [pair.dry for pair in pairs], [pair.wet for pair in pairs]
    said = [text for pair in pairs for text in pair.notices]
    limits: dict[str, Any] = {}
    if looked.among:
        choice = candidates(looked.among.split(","), rate, y[0].shape[1])
        seconds = looked.seconds or 300.0
        structure = fit_structure(choice, x[0], y[0], seed=looked.seed, time_budget_s=seconds, progress=progress)
        found = structure.fit
        said.append(
            f"chosen from {len(choice)} effects, {len(structure.tried)} chains tried: {' -> '.join(structure.effects)}"
        )
        if len(pairs) > 1 and not found.interrupted:
            found = find(found.fx, x, y, seed=looked.seed, time_budget_s=0.3 * seconds, progress=progress)
    else:
        fx, limits = _built(looked, rate)
        options = {"seed": looked.seed, "time_budget_s": looked.seconds, "progress": progress}
        found = find(fx, x, y, frozen=looked.freeze or (), limits=limits, **options)
    about = f"Found from {pairs[0].name}, residual {found.residual_db:.1f} dB."
    if len(pairs) > 1:
        about = f"Found from {len(pairs)} pairs of recordings, residual {found.residual_db:.1f} dB."
    save_chain(out, found.fx, about=about, limits=limits)  # type: ignore[arg-type]  # the chain it was given
    if report is not None:
        from ..report.fit_page import write_fit_page

        write_fit_page(report, pairs[0].name, found, x[0], said=said)
    if not quiet:
        print_lines(consoles()[0], *found.describe().splitlines(), *said)
        for path in filter(None, (out, report)):
            report_written(path, (), quiet)
    if found.interrupted:
        return _INTERRUPTED
    return FAILED if found.explained < _EXPLAINED else 0


def _built(looked: Looked, rate: int) -> tuple[Any, dict[str, Any]]:
    """The chain that was named, and its limits."""
    from ..presets import load_chain

    file: ChainFile = chain_of(looked.effects) if looked.effects else load_chain(looked.chain)  # type: ignore[arg-type]
    fx, settings = file.build(rate)
    if moving := [name for name, value in settings.items() if not isinstance(value, int | float)]:
        raise ValueError(f"{looked.chain}: {', '.join(moving)} moves; a fit looks for settings that stand still")
    return fx, file.limits(fx)


def _like(looked: Looked, dry: Path, like: Path, out: Path, report: Path | None, quiet: bool) -> int:
    """Turn the knobs until a sound measures like another."""
    from ..files import audio_info
    from ..fit.likeness import fit_like
    from ..fit.recordings import sound_at
    from ..presets import save_chain

    rate = audio_info(dry).sample_rate
    fx, limits = _built(looked, rate)
    x, reference = sound_at(dry, rate), sound_at(like, rate)
    progress = False if quiet else None
    found = fit_like(
        fx,
        x,
        reference,
        frozen=looked.freeze or (),
        limits=limits,
        seed=looked.seed,
        time_budget_s=looked.seconds,
        progress=progress,
    )
    save_chain(out, found.fx, about=f"Found to sound like {like.name}.", limits=limits)  # type: ignore[arg-type]
    if report is not None:
        from ..report.fit_page import write_likeness_page

        write_likeness_page(report, f"{dry.name} like {like.name}", found, x, reference)
    if not quiet:
        print_lines(consoles()[0], *found.describe().splitlines())
        for path in filter(None, (out, report)):
            report_written(path, (), quiet)
    if found.interrupted:
        return _INTERRUPTED
    return 0 if found.after < found.before else FAILED
