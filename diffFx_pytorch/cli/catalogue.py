"""The commands that show the effects: `list` and `describe`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from .app import app, consoles, print_lines, refuse
from .steps import complete_effect

if TYPE_CHECKING:
    from ..processor import Processor


@app.command("list")
def list_effects() -> None:
    """List the effects, by family."""
    console, _ = consoles()
    from rich.table import Table

    from .. import registry

    families: dict[str, list[tuple[str, type[Processor]]]] = {}
    for name, cls in sorted(registry.available().items()):
        families.setdefault(registry.family(cls), []).append((name, cls))
    # Columns alike in all families.
    widest = max(len(name) for members in families.values() for name, _ in members)
    for family, members in sorted(families.items()):
        table = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
        table.add_column(width=widest, no_wrap=True)
        table.add_column()
        for name, cls in members:
            table.add_row(name, in_words(cls.about))
        print_lines(console, family, table, "")
    print_lines(console, "difffx describe EFFECT shows its knobs.", "difffx apply EFFECT IN -o OUT runs it.")


_FORMULA = re.compile(r"[=^|]|\w\[|\b\w\(|\d/\d|``")
_WORDS = re.compile(r"(?:[A-Za-z][\w'-]+ ?)*")


def in_words(about: str) -> str:
    """The summary of an effect without its formulas: its clauses up to the first that is one."""
    summary = about.split("\n\n")[0].replace("\n", " ").replace("``", "`")
    said = ""
    for clause, mark in re.findall(r"(.+?)([:;,.] |\.?$)", summary):
        words = clause.replace("`", "")
        if _FORMULA.search(clause):
            words = _WORDS.match(words).group().strip()  # type: ignore[union-attr]  # it matches nothing at least
            if said or not words:
                break
        said += words + mark
    return said.rstrip(" :;,.")


@app.command()
def describe(
    effect: Annotated[
        str,
        typer.Argument(metavar="EFFECT", help="Name, as `difffx list` shows it.", autocompletion=complete_effect),
    ],
) -> None:
    """Describe an effect: what it does, its knobs and options, and a step of a chain file to copy."""
    console, _ = consoles()
    from rich.table import Table

    from .. import registry
    from ..options import default_text
    from ..presets import dump_chain
    from ..routing import Chain

    try:
        cls = registry.effect(effect)
        fx = registry.built(cls)
    except (ValueError, TypeError) as error:
        refuse(error)
    print_lines(console, f"{cls.__name__}  ({registry.family(cls)})\n")
    print_lines(console, cls.about + "\n")
    knobs = Table("Knob", "From", "To", "Default", "Unit", "Curve", "What it does", box=None, pad_edge=False)
    for name, param in fx.params.items():
        ends = (f"{v:g}" for v in (param.min_val, param.max_val, param.default))
        doc = param.doc if param.automatable else f"{param.doc} Does not move within a signal."
        knobs.add_row(name, *ends, param.unit, param.curve, doc)
    print_lines(console, knobs)
    if cls.options:
        options = Table("Option", "Default", "May be", "What it does", box=None, pad_edge=False)
        for name, option in cls.options.items():
            options.add_row(name, default_text(option), option.legal(), option.doc)
        print_lines(console, "", options)
    claims = [", ".join(sorted(fx.traits))] if fx.traits else []
    claims += [f"latency {fx.latency_samples} samples"] if fx.latency_samples else []
    claims += ["takes a sidechain"] if fx.takes_sidechain else []
    claims += ["hosted, not differentiable"] if cls.__name__ in registry.hosted() else []
    claims += [] if fx.streamable else ["needs the whole signal"]
    print_lines(console, "", "; ".join(claims) or "no claims", "", "In a chain file:", "")
    typer.echo(dump_chain(Chain(fx)), nl=False)
