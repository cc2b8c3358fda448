"""Write what follows from the effects: a page for each in docs/effects, and the names that type checkers see.

``python docs/generate.py`` writes the pages from docstring, words and table of knobs, the missing plots, and the
``__init__.pyi`` of the packages of effects and of the recursions; a test holds all but the plots to the code.
``python docs/generate.py Peak`` plots an effect anew.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from site_pages import FOLDER, README, built_in, index, page, with_table
from site_sounds import build
from site_words import words

from diffFx_pytorch import Processor, recursion
from diffFx_pytorch.options import Choice, Flag, Integer, Number, Option
from diffFx_pytorch.views import svg_of

PACKAGE = Path(__file__).parents[1] / "diffFx_pytorch"


def stubs() -> dict[Path, str]:
    """The ``__init__.pyi`` files: of effects the options and knobs of each, and the members of each family.

    Effects of the same knobs share one dict of them and one call; effects of the same options too, one constructor.
    """
    members = sorted(built_in(), key=lambda cls: (cls.__module__, cls.__name__))
    lines = [_STUB_HEAD]
    lines += [f"from {cls.__module__} import {cls.__name__} as _{cls.__name__}" for cls in members]
    lines += ["", _STUB_TYPES]
    named = ", ".join(sorted(f'"{cls.__name__}"' for cls in members))
    lines += ["__all__ = [", *(f"    {name}," for name in named.split(", ")), "]"]
    likes: dict[str, str] = {}
    for cls in members:
        shared = _knobs_stub(cls, "{name}")
        if shared not in likes:
            likes[shared] = cls.__name__
            lines += ["", shared.replace("{name}", cls.__name__)]
            lines.append("")
        lines.append(f"class {cls.__name__}(_Like{likes[shared]}, _{cls.__name__}): ...")
    root = "diffFx_pytorch.processors"
    texts = {_stub_path(root): "\n".join([*lines, ""]), _stub_path("diffFx_pytorch.recursion"): recursion_stub()}
    for cls in members:
        family = _stub_path(cls.__module__.rpartition(".")[0])
        texts[family] = texts.get(family, "") + f"from {root} import {cls.__name__} as {cls.__name__}\n"
    return texts


_STUB_HEAD = """from collections.abc import Mapping
from typing import Any, Literal

from typing_extensions import TypedDict, Unpack

from diffFx_pytorch.control import Knobs, KnobValue
from diffFx_pytorch.params import EffectParam as EffectParam"""

_STUB_TYPES = """from diffFx_pytorch.sound import Sound

_Ranges = Mapping[str, EffectParam] | None

class _Setting:
    def __get__(self, fx: Any, cls: Any = None) -> Any: ...
    def __set__(self, fx: Any, value: KnobValue) -> None: ...
"""


def _knobs_stub(cls: type[Processor], name: str) -> str:
    """What an effect takes, as annotations: a dict of its knobs, they as attributes, constructor and call.

    Of a table that depends on options all knobs are offered. Where they are numbered there is no end to them: those of
    the defaults are offered in ``dsp_params``, and others are legal.
    """
    table, constant = cls().params, True
    if cls.table is not Processor.table:
        constructions = [{}, *cls.variants, *([{"tempo_bpm": 120.0}] if "tempo_bpm" in cls.options else [])]
        every = {knob: None for options in constructions for knob in cls(**options).params}
        constant = not any(re.search(r"\d", knob) for knob in every)
        table = every if constant else table
    own = [knob for knob in table if "." not in knob]
    knobs = [f"class _{name}Knobs(TypedDict, total=False):", *(f"    {knob}: KnobValue" for knob in table)]
    if own != list(table):  # what has a dot is no name of an attribute
        entries = [f'        "{knob}": KnobValue,' for knob in table]
        head = [f"_{name}Knobs = TypedDict(", f'    "_{name}Knobs",', "    {"]
        knobs = [*head, *entries, "    },", "    total=False,", ")"]
    settings = f"Unpack[_{name}Knobs]" if constant else "KnobValue"
    return "\n".join(
        [
            *knobs,
            "",
            f"class _Like{name}:",
            *(f"    {knob}: _Setting" for knob in own),
            _constructor(cls, settings),
            "    def __call__(",
            "        self,",
            "        x: Sound,",
            "        *,",
            f"        norm_params: _{name}Knobs | Knobs | None = None,",
            f"        dsp_params: _{name}Knobs | Knobs | None = None,",
            "        sidechain: Sound | None = None,",
            f"        **settings: {settings},",
            "    ) -> Sound: ...",
        ]
    )


def _stub_path(package: str) -> Path:
    return PACKAGE.joinpath(*package.split(".")[1:]) / "__init__.pyi"


def _constructor(cls: type[Processor], settings: str) -> str:
    arguments = ["self", "sample_rate: float = 44100", "param_range: _Ranges = None"]
    arguments += ["*"] * bool(cls.options)
    for name, option in cls.options.items():
        default = f" = {option.default!r}".replace("'", '"')
        line = f"{name}: {option_type(option)}{default}"
        if len(line) > 111:
            values = (f"            {json.dumps(value)}," for value in option.values)
            line = "\n".join([f"{name}: Literal[", *values, f"        ]{default}"])
        arguments.append(line)
    lines = (f"        {argument}," for argument in [*arguments, f"**settings: {settings}"])
    return "\n".join(["    def __init__(", *lines, "    ) -> None: ..."])


def option_type(option: Option) -> str:
    """The type of an option as an annotation."""
    if isinstance(option, Choice):
        values = ", ".join(json.dumps(value).replace("null", "None") for value in option.values)
        return f"Literal[{values}]"
    if isinstance(option, Number):
        return "float | None" if option.optional else "float"
    return {Integer: "int", Flag: "bool"}.get(type(option), "Any")


def recursion_stub() -> str:
    """The ``__init__.pyi`` of the recursions: what one returns depends on whether its state is asked for."""
    tree = ast.parse(Path(recursion.__file__).read_text())
    defined = [(f.module, alias.name) for f in tree.body if isinstance(f, ast.ImportFrom) for alias in f.names]
    lines, overloads = [_RECURSION_HEAD], []
    for module, name in defined:
        function = getattr(recursion, name)
        if "return_zf" in _parameters(function):
            overloads += [*_overload(name, function, False), *_overload(name, function, True)]
        else:
            lines.append(f"from diffFx_pytorch.recursion.{module} import {name} as {name}")
    return "\n".join([*lines, "", *overloads, ""])


_RECURSION_HEAD = """from collections.abc import Mapping
from typing import Literal, overload

from torch import Tensor

from diffFx_pytorch.recursion.ops.feedforward import Form"""


def _parameters(value: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(value).parameters if inspect.isfunction(value) else {}


def _overload(name: str, function: Any, state: bool) -> list[str]:
    lines, keywords = ["@overload", f"def {name}("], False
    for parameter in _parameters(function).values():
        given = parameter.default is parameter.empty
        kind = parameter.annotation
        if parameter.name == "return_zf":
            given, kind = state, f"Literal[{state}]"
        if not keywords and (parameter.kind is parameter.KEYWORD_ONLY or (state and parameter.name == "return_zf")):
            keywords = True
            lines.append("    *,")
        lines.append(f"    {parameter.name}: {kind}{'' if given else ' = ...'},")
    returned = inspect.signature(function).return_annotation
    return [*lines, f") -> {returned.removeprefix('Tensor | ') if state else 'Tensor'}: ..."]


def picture(cls: type[Processor]) -> str:
    """The plot of an effect at its first recipe as SVG of its own size, light or dark with the page."""
    return sized(svg_of(build(cls, words()[cls.__name__].recipes[0]).views()) + "\n")


def sized(svg: str) -> str:
    """A drawing that has the size of its box where nothing else says one."""
    return re.sub(r'(viewBox="0 0 (\d+) (\d+)")', r'width="\2" height="\3" \1', svg, count=1)


def main(drawn: Iterable[str]) -> None:
    """Write every page, table and stub, and the plots of the effects that are named or have none."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "README.md").write_text(index())
    README.write_text(with_table(README.read_text()))
    for path, text in stubs().items():
        path.write_text(text)
    for cls in built_in():
        (FOLDER / f"{cls.__name__}.md").write_text(page(cls))
        plot = FOLDER / f"{cls.__name__}.svg"
        if cls.__name__ in drawn or not plot.exists():
            plot.write_text(picture(cls))


if __name__ == "__main__":
    names = [cls.__name__ for cls in built_in()]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("effect", nargs="*", metavar="EFFECT", help="to plot anew")
    parser.add_argument("--plots", action="store_true", help="plot every effect anew, which takes minutes")
    given = parser.parse_args()
    if unknown := {*given.effect} - {*names}:
        parser.error(f"no effect of the package: {', '.join(sorted(unknown))}")
    main(names if given.plots else given.effect)
