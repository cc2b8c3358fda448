"""Write what follows from the effects: a page for each in docs/effects, and the names that type checkers see.

``python docs/generate.py`` writes the pages from docstring, table of knobs and curve, the plots, and
``__init__.pyi`` of the packages of effects; a test holds all but the plots to the code.
"""

from __future__ import annotations

import json
from pathlib import Path

from diffFx_pytorch import Processor, registry
from diffFx_pytorch.options import Choice, Flag, Integer, Number, Option, default_text

FOLDER = Path(__file__).parent / "effects"
PACKAGE = Path(__file__).parents[1] / "diffFx_pytorch"


def page(cls: type[Processor]) -> str:
    """The page of an effect, as Markdown."""
    fx = cls()
    lines = [f"# {cls.__name__}", "", f"Family: {registry.family(cls)}.", "", "```text", cls.about, "```", ""]
    if cls.options:
        lines += ["## Options", "", "| option | may be | default | |", "|---|---|---|---|"]
        for name, option in cls.options.items():
            lines.append(f"| `{name}` | {option.legal()} | {default_text(option)} | {option.doc} |")
        lines.append("")
    lines += ["## Knobs", ""]
    lines += ["| knob | range | default | curve | |", "|---|---|---|---|---|"]
    for name, param in fx.params.items():
        default = f"{param.default:g} {param.unit}".rstrip()
        lines.append(f"| `{name}` | {param.range_text()} | {default} | {param.curve} | {param.doc} |")
    lines += ["", "## Claims", ""]
    neutral = ", ".join(f"`{k} = {v:g}`" for k, v in fx.neutral.items())
    lines.append(f"- Neutral (returns the input): {neutral or 'none'}.")
    lines.append(f"- Traits: {', '.join(sorted(t.replace('_', '-') for t in fx.traits)) or 'none'}.")
    lines.append(f"- Latency: {fx.latency_samples} samples. Streams: {'yes' if fx.streamable else 'no'}.")
    lines.append(f"- Sidechain: {'yes' if fx.takes_sidechain else 'no'}.")
    lines.append(f"- Crosses channels: {'yes' if fx.crosses_channels else 'no'}.")
    for check, reason in cls.exempt.items():
        lines.append(f"- Exempt from {check}: {reason}")
    if cls.curve is not Processor.curve:
        lines += ["", f"![{cls.__name__}]({cls.__name__}.svg)"]
    return "\n".join(lines) + "\n"


def index() -> str:
    """The list of effects by family."""
    families: dict[str, list[type[Processor]]] = {}
    for cls in built_in():
        families.setdefault(registry.family(cls), []).append(cls)
    lines = ["# Effects", ""]
    for family in sorted(families):
        lines += [f"## {family}", ""]
        for cls in sorted(families[family], key=lambda c: c.__name__):
            summary = cls.about.partition("\n")[0]
            lines.append(f"- [{cls.__name__}]({cls.__name__}.md): {summary}")
        lines.append("")
    return "\n".join(lines)


def built_in() -> list[type[Processor]]:
    """The package's own effects."""
    return [cls for cls in registry.effects().values() if cls.__module__.startswith("diffFx_pytorch.")]


def stubs() -> dict[Path, str]:
    """The ``__init__.pyi`` of the packages of effects: constructors with their options, and the members of each family.

    Effects of the same options share one constructor.
    """
    members = sorted(built_in(), key=lambda cls: (cls.__module__, cls.__name__))
    constructors: dict[str, list[str]] = {}
    lines = ["from collections.abc import Mapping", "from typing import Any, Literal", ""]
    lines.append("from diffFx_pytorch.params import EffectParam as EffectParam")
    for cls in members:
        lines.append(f"from {cls.__module__} import {cls.__name__} as {'_' * bool(cls.options)}{cls.__name__}")
        if cls.options:
            constructors.setdefault(_constructor(cls), []).append(cls.__name__)
    lines += ["", "_Ranges = Mapping[str, EffectParam] | None"]
    for constructor, names in constructors.items():
        if len(names) == 1:
            lines += ["", f"class {names[0]}(_{names[0]}):", constructor]
        else:
            lines += ["", f"class _Like{names[0]}:", constructor, ""]
            lines += [f"class {name}(_Like{names[0]}, _{name}): ..." for name in names]
    root = "diffFx_pytorch.processors"
    texts = {_stub_path(root): "\n".join([*lines, ""])}
    for cls in members:
        family = _stub_path(cls.__module__.rpartition(".")[0])
        texts[family] = texts.get(family, "") + f"from {root} import {cls.__name__} as {cls.__name__}\n"
    return texts


def _stub_path(package: str) -> Path:
    return PACKAGE.joinpath(*package.split(".")[1:]) / "__init__.pyi"


def _constructor(cls: type[Processor]) -> str:
    arguments = ["self", "sample_rate: float = 44100", "param_range: _Ranges = None", "*"]
    for name, option in cls.options.items():
        default = f" = {option.default!r}".replace("'", '"')
        line = f"{name}: {option_type(option)}{default}"
        if len(line) > 111:
            values = (f"            {json.dumps(value)}," for value in option.values)
            line = "\n".join([f"{name}: Literal[", *values, f"        ]{default}"])
        arguments.append(line)
    short = ", ".join(arguments)
    if len(short) <= 89:
        return f"    def __init__({short}) -> None: ..."
    lines = [short] if len(short) <= 112 else [f"{argument}," for argument in arguments]
    return "\n".join(["    def __init__(", *(f"        {line}" for line in lines), "    ) -> None: ..."])


def option_type(option: Option) -> str:
    """The type of an option as an annotation."""
    if isinstance(option, Choice):
        values = ", ".join(json.dumps(value).replace("null", "None") for value in option.values)
        return f"Literal[{values}]"
    if isinstance(option, Number):
        return "float | None" if option.optional else "float"
    return {Integer: "int", Flag: "bool"}.get(type(option), "Any")


def telling(fx: Processor) -> dict[str, float]:
    """A setting whose curve tells something: what stands at neutral by default is turned to three quarters."""
    still = (name for name, value in fx.neutral.items() if fx.params[name].default == value)
    return {name: fx.params[name].to_physical(0.75) for name in still}


def main() -> None:
    """Write every page and plot."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "diffFx"
    import matplotlib.pyplot as plt

    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "README.md").write_text(index())
    for path, text in stubs().items():
        path.write_text(text)
    for cls in built_in():
        (FOLDER / f"{cls.__name__}.md").write_text(page(cls))
        if cls.curve is not Processor.curve:
            figure = (fx := cls()).plot(dsp_params=telling(fx)).figure
            figure.savefig(FOLDER / f"{cls.__name__}.svg", metadata={"Date": None})
            plt.close(figure)


if __name__ == "__main__":
    main()
