"""Write the notebooks of the families: every effect with its story, in the order in which one would learn them.

    python examples/notebooks/write_families.py

What an effect is for, and its recipes, are those of docs/effects/words; ``stories`` says which recipe is heard, what to
listen for, which knobs are turned and what to try. An effect without a story gets its first recipe and first knobs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[1] / "docs"))

from site_pages import FAMILIES, by_family  # noqa: E402
from site_words import Recipe, words  # noqa: E402

from diffFx_pytorch import Processor  # noqa: E402
from diffFx_pytorch.report.demo import SOUNDS  # noqa: E402

NAMES = {
    "eq": "equalisers",
    "dynamics": "dynamics",
    "distortion": "distortion",
    "modulation": "modulation",
    "delay": "delays",
    "reverb": "reverbs",
    "spatial": "stereo",
    "spectral": "spectral",
    "utility": "utilities",
}
"""Files of the families, in the order in which one would read them."""

_FIRST = """\
from diffFx_pytorch.processors import {names}
from diffFx_pytorch.report.demo import demo_sound
from diffFx_pytorch.report.notebook import knob_sliders, listen

RATE, SECONDS = 44100, {seconds}
{sounds}"""

_INSTALL = """\
import importlib.util

ADDRESS = ""  # where the package is not installed, as in Colab: the address that one would clone
if not importlib.util.find_spec("diffFx_pytorch"):
    assert ADDRESS, "put the address of the repository into ADDRESS"
    get_ipython().run_line_magic("pip", f"install -q 'diffFx_pytorch[notebook] @ git+{ADDRESS}'")"""

_HOW = """\
Every player has three takes and goes from one to the other without losing its place: *before*, *after* at the
loudness of before, and their *difference*, which is what the effect did. All sounds are parts of a clip that the
package plays itself. Pictures are measured from the effect at the settings you hear. Under the sliders the picture
moves as you turn, the sound follows when you let go. All nine pages of effects are made alike; {others}."""


def story_of(cls: type[Processor], stories: dict[str, Any]) -> tuple[Recipe, dict[str, Any]]:
    """The recipe that is heard, and what is said of it."""
    recipes = words()[cls.__name__].recipes
    said = stories.get(cls.__name__, {})
    recipe = recipes[said.get("recipe", 1) - 1]
    fx = cls(44100, **recipe.options, **recipe.settings)
    turn = said.get("turn") or [*(n for n in recipe.settings if n in fx.params), *fx.params][:2]
    if unknown := set(turn) - set(fx.params):
        raise ValueError(f"the story of {cls.__name__} turns {', '.join(unknown)}, and it has {', '.join(fx.params)}")
    return recipe, {"hear": "", "try": "", **said, "turn": list(dict.fromkeys(turn))}


def cells_of(family: str, effects: Sequence[type[Processor]]) -> list[nbformat.NotebookNode]:
    """The cells of the notebook of a family."""
    told = yaml.safe_load((HERE / "stories" / f"{family}.yaml").read_text(encoding="utf-8"))
    chosen = {cls: story_of(cls, told["effects"]) for cls in effects}
    files = [f"`{NAMES[f]}`" for f in FAMILIES if f != family and f in NAMES]
    heard = list(dict.fromkeys(recipe.sound for recipe, _ in chosen.values()))
    cells = [
        new_markdown_cell(f"# {told['title']}\n\n{told['intro'].strip()}\n\n{_HOW.format(others=_listed(files))}"),
        new_code_cell(
            _FIRST.format(
                seconds=told.get("seconds", 2.4),
                names=_names(sorted(cls.__name__ for cls in effects)),
                sounds=_sounds(heard),
            )
        ),
    ]
    for cls, (recipe, said) in chosen.items():
        name = cls.__name__
        heading = f"## {name}\n\n{words()[name].about}\n\n"
        use = f"**For {recipe.purpose}**, on {SOUNDS[recipe.sound]}: {recipe.why} {said['hear'].strip()}"
        cells.append(new_markdown_cell(heading + use.strip()))
        plain = "" if recipe.matched else ", matched=False"
        built = _call(name, {**recipe.options, **recipe.settings})
        label = f"for {recipe.purpose}"
        cells.append(new_code_cell(f'{built}\nlisten(fx, sounds["{recipe.sound}"], label="{label}"{plain})'))
        line = f'knob_sliders(fx, sounds["{recipe.sound}"], only={_list(said["turn"])}{plain})'
        cells.append(new_code_cell(line))
        if said["try"]:
            cells.append(new_markdown_cell(f"*Try:* {said['try'].strip()}"))
    return cells


def _names(names: list[str]) -> str:
    text = ", ".join(names)
    return "(\n" + "".join(f"    {name},\n" for name in names) + ")" if len(text) > 60 else text


def _sounds(names: Sequence[str]) -> str:
    """The statement that makes the sounds, on one line if it fits."""
    made = "name: demo_sound(name, RATE, SECONDS)"
    line = f"sounds = {{{made} for name in {_list(names)}}}"
    return line if len(line) <= 120 else f"sounds = {{\n    {made}\n    for name in {_list(names)}\n}}"


def _list(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _listed(names: Sequence[str]) -> str:
    return "the others are " + ", ".join(names[:-1]) + " and " + names[-1]


def _call(name: str, given: dict[str, Any]) -> str:
    plain = [f"{knob}={value!r}" for knob, value in given.items() if "." not in knob]
    dotted = ", ".join(f'"{knob}": {value!r}' for knob, value in given.items() if "." in knob)
    if len(dotted) > 90:
        dotted = "\n" + "".join(f'        "{knob}": {v!r},\n' for knob, v in given.items() if "." in knob) + "    "
    parts = [*plain, *([f"**{{{dotted}}}"] if dotted else [])]
    call = f"fx = {name}({', '.join(['RATE', *parts])})".replace("'", '"')
    if len(call) <= 110 and chr(10) not in call:
        return call
    return f"fx = {name}(\n    RATE,\n{''.join(f'    {part},{chr(10)}' for part in parts)})".replace("'", '"')


def write_notebook(path: Path, cells: Sequence[nbformat.NotebookNode]) -> None:
    """Write cells as a notebook without outputs, before the code one that installs the package where it is missing."""
    first = next(number for number, cell in enumerate(cells) if cell["cell_type"] == "code")
    cells = [*cells[:first], new_code_cell(_INSTALL), *cells[first:]]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=list(cells), metadata=metadata), path)


def text_and_code(cells: Sequence[str]) -> list[nbformat.NotebookNode]:
    """Cells of text (Markdown) and code in turn."""
    return [new_code_cell(text) if number % 2 else new_markdown_cell(text) for number, text in enumerate(cells)]


def main(folder: Path = HERE) -> None:
    """Write every notebook, without outputs."""
    for family, effects in by_family().items():
        write_notebook(folder / f"{NAMES[family]}.ipynb", cells_of(family, effects))


if __name__ == "__main__":
    main()
