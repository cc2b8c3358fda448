"""The page of each effect and their list, as Markdown, from their tables, docstrings and words."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import yaml
from site_markup import markdown_of, references
from site_sounds import dry_name, wet_name
from site_words import Recipe, Words, words

from diffFx_pytorch import Processor, registry
from diffFx_pytorch.options import default_text
from diffFx_pytorch.report.demo import SOUNDS

FOLDER = Path(__file__).parent / "effects"
README = Path(__file__).parents[1] / "README.md"
FAMILY_WORDS = "docs/effects/words/{}.yaml"


def built_in() -> list[type[Processor]]:
    """The package's own effects."""
    return [cls for cls in registry.effects().values() if cls.__module__.startswith("diffFx_pytorch.")]


def page(cls: type[Processor]) -> str:
    """The page of an effect, as Markdown: what it is for, how it sounds, knobs, recipes, code and the equations."""
    fx, name = cls(), cls.__name__
    if name not in words():
        raise KeyError(f"{name} has no words: write an entry in {FAMILY_WORDS.format(registry.family(cls))}")
    told = words()[name]
    first = told.recipes[0]
    family = registry.family(cls)
    lines = [f"# {name}", "", told.about, ""]
    lines += [listen(cls, 1), "", f"*{_upper(SOUNDS[first.sound])}, before and after: for {first.purpose}.*", ""]
    lines += [f"![What {name} does]({name}.svg)", "", f"*At the same settings: {settings_text(first)}.*", ""]
    lines += ["## Knobs", "", "| knob | what it does | range | default |", "|---|---|---|---|"]
    for knob, param in fx.params.items():
        default = f"{_short(param.default)} {param.unit}".rstrip()
        span = param.range_text() + (", log" if param.curve == "log" else "")
        lines.append(f"| `{knob}` | {markdown_of(param.doc)} | {span} | {default} |")
    if cls.options:
        lines += ["", "Options are given when it is built, and stay:", ""]
        lines += ["| option | what it does | may be | default |", "|---|---|---|---|"]
        for option, what in cls.options.items():
            legal = what.legal().replace("|", "\\|").replace(str(2**63 - 1), "2^63 - 1")
            lines.append(f"| `{option}` | {markdown_of(what.doc)} | {legal} | {default_text(what)} |")
    lines += ["", "## Recipes", ""]
    for number, recipe in enumerate(told.recipes, 1):
        lines += [f"### For {recipe.purpose}", "", recipe.why, "", f"{_upper(settings_text(recipe))}.", ""]
        lines += [listen(cls, number), ""]
    lines += ["## In code", "", *_snippets(cls, first), "## How it works", "", *_equations(cls, told)]
    _, sources = references(cls.about)
    lines += ["## Claims", "", "Measured by the tests of every version.", "", *_claims(cls, fx)]
    if sources:
        lines += ["", "## References", "", *(f"- {markdown_of(source)}" for source in sources)]
    title = FAMILIES.get(family, _upper(family))
    lines += ["", f"More of the kind: [{title}](README.md#{title.lower().replace(' ', '-')})."]
    return "\n".join(lines) + "\n"


def listen(cls: type[Processor], number: int) -> str:
    """Where the site puts the player of a recipe."""
    recipe = words()[cls.__name__].recipes[number - 1]
    label = f"{cls.__name__} for {recipe.purpose}"
    return f"<!-- listen: {dry_name(recipe)} {wet_name(cls, number)} {label} -->"


def settings_text(recipe: Recipe) -> str:
    """The settings of a recipe, in a line."""
    both = {**recipe.settings, **recipe.options}
    return ", ".join(f"`{name} = {_value(value)}`" for name, value in both.items()) or "as it comes"


def _snippets(cls: type[Processor], recipe: Recipe) -> list[str]:
    name, given = cls.__name__, {**recipe.options, **recipe.settings}
    plain = [f"{knob}={value!r}" for knob, value in given.items() if "." not in knob]
    dotted = ", ".join(f'"{knob}": {value!r}' for knob, value in given.items() if "." in knob)
    arguments = ", ".join([*plain, *([f"**{{{dotted}}}"] if dotted else [])])
    call = f"fx = {name}(44100, {arguments})" if given else f"fx = {name}(44100)"
    call = call.replace("'", '"')
    if len(call) > 100:
        parts = "".join(f"    {part},\n" for part in [*plain, *([f"**{{{dotted}}}"] if dotted else [])])
        call = f"fx = {name}(\n    44100,\n{parts})".replace("'", '"')
    step: dict = {"effect": name}
    if recipe.options:
        step["options"] = recipe.options
    if recipe.settings:
        step["params"] = recipe.settings
    text = yaml.safe_dump({"version": 1, "chain": [step]}, sort_keys=False, default_flow_style=None, width=100)
    command = _wrapped(
        [f"difffx apply {name} in.wav -o out.wav", *(shlex.quote(f"{k}={_value(v)}") for k, v in given.items())]
    )
    python = ["from diffFx_pytorch import " + name, "", call, "y = fx(x)  # (batch, channels, samples)"]
    lines = ["In Python:", "", "```python", *python, "```", ""]
    lines += [
        "In a chain file, for `difffx render chain.yaml recordings/ -o out/`:",
        "",
        "```yaml",
        text.rstrip(),
        "```",
        "",
    ]
    return [*lines, "On the command line:", "", "```sh", command, "```", ""]


def _wrapped(words: list[str]) -> str:
    """The words of a command, in lines that a page shows whole."""
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) > 88:
            lines.append("   ")
        lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return " \\\n".join(lines)


def _equations(cls: type[Processor], told: Words) -> list[str]:
    """Formulas, and the prose of the docstring with its formulas in print."""
    formulas = told.equations.split("\n\n") if told.equations else []
    lines = [line for formula in formulas for line in ("```math", formula, "```", "")]
    lines += [told.where, ""] if told.where else []
    body, _ = references(cls.about)
    prose = body.partition("\n\n")[2]
    blocks = iter(told.blocks)
    prose = re.sub(r"(?:^    .*\n?(?:\n(?=    ))?)+", lambda m: _block(m[0], blocks), prose, flags=re.MULTILINE)
    return [*lines, re.sub(r"\n{3,}", "\n\n", markdown_of(prose).strip()), ""] if prose else lines


def _block(text: str, blocks: Iterator[str]) -> str:
    """An indented formula of a docstring, as it is printed; what continues ``.. math::`` or a list stays."""
    formula = next(blocks, None)
    return text if formula is None else f"\n```math\n{formula.strip()}\n```\n\n"


def _claims(cls: type[Processor], fx: Processor) -> list[str]:
    neutral = ", ".join(f"`{k} = {v:g}`" for k, v in fx.neutral.items())
    traits = ", ".join(sorted(t.replace("_", "-") for t in fx.traits))
    yes = {True: "yes", False: "no"}
    claims = [
        f"- Leaves the sound alone at: {neutral or 'no setting; `DryWet` around it does'}.",
        f"- Traits: {traits or 'none'}.",
        f"- Latency: {fx.latency_samples} samples at 44.1 kHz, which `difffx render` makes up for.",
        f"- Plays in blocks, live: {'yes' if fx.streamable else 'no, it needs the whole sound'}.",
        f"- Sidechain: {yes[fx.takes_sidechain]}. Channels hear each other: {yes[fx.crosses_channels]}.",
    ]
    return claims + [f"- Not held to `{check}`: {markdown_of(reason)}" for check, reason in cls.exempt.items()]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return json.dumps(value, separators=(",", ":"))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _short(value: float) -> str:
    """A number as one sets it: no more than a thousandth is heard."""
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:g}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


FAMILIES = {
    "eq": "Equalisers and filters",
    "dynamics": "Dynamics",
    "distortion": "Distortion",
    "modulation": "Modulation",
    "delay": "Delays",
    "reverb": "Reverbs",
    "spatial": "Stereo and space",
    "spectral": "Spectral",
    "utility": "Utilities",
}
"""The families in the order in which one would learn them."""


def by_family() -> dict[str, list[type[Processor]]]:
    """The package's effects by family, both in the order in which one would learn them."""
    order = list(words())
    found: dict[str, list[type[Processor]]] = {}
    for cls in sorted(built_in(), key=lambda c: order.index(c.__name__) if c.__name__ in order else len(order)):
        found.setdefault(registry.family(cls), []).append(cls)
    return {family: found[family] for family in sorted(found, key=[*FAMILIES, *sorted(found)].index)}


def summary(cls: type[Processor]) -> str:
    """What an effect is for, in a sentence."""
    text = " ".join(words()[cls.__name__].about.split())
    return re.match(r".*?[.!?](?=\s|$)", text)[0]


def index() -> str:
    """The list of effects by family."""
    lines = ["# Effects", "", _INDEX_HEAD, ""]
    for family, members in by_family().items():
        lines += [f"## {FAMILIES.get(family, _upper(family))}", ""]
        lines += [f"- [{cls.__name__}]({cls.__name__}.md): {summary(cls)}" for cls in members]
        lines.append("")
    return "\n".join(lines)


_INDEX_HEAD = """Every effect has a page: what it is for, how it sounds before and after, its knobs, three recipes
to begin with, the equations, and what the tests hold it to. `difffx list` shows this list in a terminal, `difffx
describe Compressor` the knobs of one."""


def with_table(readme: str) -> str:
    """The README with the table of all effects by family between its marks."""
    head, rest = readme.split("<!-- effects -->")
    _, tail = rest.split("<!-- effects end -->")
    lines = ["| family | effects |", "|---|---|"]
    for family, members in by_family().items():
        links = ", ".join(f"[{cls.__name__}](docs/effects/{cls.__name__}.md)" for cls in members)
        lines.append(f"| {FAMILIES.get(family, _upper(family))} | {links} |")
    table = "\n".join(lines)
    return f"{head}<!-- effects -->\n{table}\n<!-- effects end -->{tail}"
