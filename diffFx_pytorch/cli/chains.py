"""The commands about chain files: `presets`, and `preset` with check, show and convert."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .app import FAILED, Overwrite, app, consoles, print_lines, refuse, refuse_existing
from .steps import Effects, chain_of, complete_file

if TYPE_CHECKING:
    from ..presets.chain_file import ChainFile

preset_app = typer.Typer(no_args_is_help=True, help="Check, show and convert chain files and factory presets.")
app.add_typer(preset_app, name="preset")


def _complete_chain(incomplete: str) -> list[str]:
    from ..presets import presets

    return [name for name in presets() if name.startswith(incomplete)] + complete_file(incomplete)


_Name = Annotated[
    str,
    typer.Argument(metavar="CHAIN", help="Chain file, or name of a preset.", autocompletion=_complete_chain),
]
_Rate = Annotated[int, typer.Option(min=8000, max=192000, metavar="HZ", help="At which it is built.")]


@app.command("presets")
def list_presets() -> None:
    """List the factory presets: chains that are used by name wherever a chain file is."""
    from rich.table import Table

    from ..presets import presets
    from ..presets.chain_file import ChainFile

    console, _ = consoles()
    names = presets()
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(width=max(map(len, names)), no_wrap=True)
    table.add_column()
    for name, path in names.items():
        table.add_row(name, ChainFile(path.read_text(encoding="utf-8")).about)
    print_lines(
        console, table, "", "difffx render lead-vocal IN -o OUT uses one; difffx preset show lead-vocal prints it."
    )


@preset_app.command()
def check(
    chains: Annotated[
        list[str],
        typer.Argument(metavar="CHAIN...", help="Chain files or presets.", autocompletion=_complete_chain),
    ],
    sample_rate: _Rate = 44100,
) -> None:
    """Say everything that is wrong in chain files; exit status 1 if anything is."""
    from ..presets import load_chain

    out, error = consoles()
    bad = 0
    for name in chains:
        try:
            chain, _ = load_chain(name, sample_rate).build(sample_rate)
        except (OSError, ValueError) as problem:
            bad += 1
            print_lines(error, *str(problem).splitlines())
            continue
        late = f", {chain.latency_samples} samples of latency" if chain.latency_samples else ""
        print_lines(out, f"{name}: {', '.join(chain.steps)}; {len(chain.params)} knobs{late}")
    if bad:
        raise typer.Exit(FAILED)


@preset_app.command()
def show(chain: _Name) -> None:
    """Print a chain file or a preset as it is written."""
    typer.echo(_loaded(chain).text, nl=False)


@preset_app.command()
def convert(
    chain: _Name,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="OUT", help="File, .yaml or .json; printed as YAML if not given."),
    ] = None,
    sample_rate: _Rate = 44100,
    overwrite: Overwrite = False,
) -> None:
    """Write a chain in full, with every knob and what other files give; in YAML or JSON."""
    from ..presets import dump_chain
    from ..presets.nodes import plain_text

    loaded = _loaded(chain)
    try:
        fx = loaded.build(sample_rate)[0]
        text = dump_chain(fx, about=loaded.about, limits=loaded.limits(fx))
        if out is not None and out.suffix.lower() not in (".yaml", ".yml", ".json"):
            raise ValueError(f"{out}: a chain file ends in .yaml or .json")
        if out is not None and out.suffix.lower() == ".json":
            text = json.dumps(plain_text(text), indent=2, ensure_ascii=False) + "\n"
    except ValueError as error:
        refuse(error)
    _write(text, out, overwrite)


@app.command()
def explain(
    chain: Annotated[
        str | None,
        typer.Argument(
            metavar="[CHAIN]",
            help="Chain file, preset or session file, unless -e gives the effects.",
            show_default=False,
            autocompletion=_complete_chain,
        ),
    ] = None,
    effects: Effects = None,
    sample_rate: _Rate = 44100,
) -> None:
    """Say in sentences what the effects of a chain do at their settings."""
    from ..mix import load_session
    from ..mix.session_file import is_session
    from ..presets import load_chain

    try:
        if (chain is None) == (not effects):
            raise ValueError("name a chain file, or give effects with -e")
        if chain is not None and is_session(chain):
            about, fx = "", load_session(chain).mixer()
        else:
            loaded = chain_of(effects) if effects else load_chain(str(chain))
            about, fx = loaded.about, loaded.build(sample_rate)[0]
    except (OSError, ValueError) as error:
        refuse(error)
    print_lines(consoles()[0], *([about, ""] if about else []), *fx.explain().split("\n"))


@app.command()
def schema(
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="OUT", help="File; printed if not given.")] = None,
    session: Annotated[bool, typer.Option("--session", help="Of session files, in place of chain files.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write the JSON Schema of chain files, with which editors complete and check them.

    For example: difffx schema -o chain.schema.json, and in the first line of a chain file
    "# yaml-language-server: $schema=chain.schema.json".
    """
    from ..mix.schema import session_schema
    from ..presets.schema import chain_schema

    found = session_schema() if session else chain_schema()
    _write(json.dumps(found, indent=1, ensure_ascii=False) + "\n", out, overwrite)


def _write(text: str, out: Path | None, overwrite: bool) -> None:
    from ..render.atomic import replacing

    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        refuse_existing([out], overwrite)
        with replacing(out) as part:
            part.write_text(text, encoding="utf-8")
    except ValueError as error:
        refuse(error)
    except OSError as error:
        refuse(error, FAILED)
    print_lines(consoles()[0], f"wrote {out}")


def _loaded(name: str) -> ChainFile:
    from ..presets import load_chain

    try:
        return load_chain(name)
    except (OSError, ValueError) as error:
        refuse(error)
