"""What a person wrote of each effect: docs/effects/words/FAMILY.yaml."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "effects" / "words"


@dataclass(frozen=True)
class Recipe:
    """Settings for a purpose, and the sound to hear them on."""

    purpose: str
    """Reads on after "For": "a lead vocal"."""
    sound: str
    """A name of ``report.demo.SOUNDS``."""
    why: str
    settings: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    matched: bool = True
    """Whether the players bring the sound after the effect to the loudness of that before."""


@dataclass(frozen=True)
class Words:
    """An effect in a musician's words, three recipes, and its equations."""

    about: str
    recipes: tuple[Recipe, ...]
    equations: str = ""
    """LaTeX, a formula a paragraph."""
    where: str = ""
    """What the symbols are."""
    blocks: tuple[str, ...] = ()
    """LaTeX for the indented formulas of the docstring, in their order."""


def _recipe(entry: dict[str, Any]) -> Recipe:
    return Recipe(
        purpose=entry["for"],
        sound=entry["sound"],
        why=entry["why"].strip(),
        settings=entry.get("set", {}),
        options=entry.get("with", {}),
        matched=entry.get("matched", True),
    )


@cache
def words() -> dict[str, Words]:
    """The words of every effect that has some, by its name."""
    found = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        for name, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            recipes = tuple(_recipe(recipe) for recipe in entry["recipes"])
            found[name] = Words(
                entry["about"].strip(),
                recipes,
                entry.get("equations", "").strip(),
                entry.get("where", "").strip(),
                tuple(entry.get("blocks", ())),
            )
    return found
