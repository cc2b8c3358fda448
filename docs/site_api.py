"""The reference: which modules are on which page, and what of them is public."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import TypeVar

API = {
    "effects": ("The contract", ["params", "options", "processor", "registry", "automation", "curve", "notices"]),
    "routing": ("Routing", ["routing"]),
    "fit": ("Fitting and training", ["fit"]),
    "networks": ("Networks", ["networks"]),
    "recursion": ("Recursions", ["recursion"]),
    "lti": ("Linear systems", ["lti"]),
    "spectrogram": ("Spectrograms", ["spectrogram"]),
    "dsp": ("Signal maths", ["dsp"]),
    "render": ("Rendering files", ["render", "files", "presets"]),
    "mix": ("Mixing", ["mix"]),
    "live": ("Live", ["live"]),
    "views": ("Pictures of effects", ["views"]),
    "report": ("Pages and players", ["report"]),
    "studio": ("The studio", ["studio"]),
    "kernels": ("Kernels", ["kernels"]),
    "hosted": ("Hosted effects", ["hosted"]),
}
"""The pages of the API reference: title and modules."""


def public(module: ModuleType) -> list[str]:
    """The public names of a module that are its own to document: ``__all__``, or what it defines."""
    if hasattr(module, "__all__"):
        return sorted(set(module.__all__))
    own = (n for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__)
    return sorted(name for name in own if not name.startswith("_"))


def modules(name: str) -> list[ModuleType]:
    """The module of a page, and the modules in it where it does not say itself what is public."""
    module = importlib.import_module(f"diffFx_pytorch.{name}")
    if hasattr(module, "__all__") or not hasattr(module, "__path__"):
        return [module]
    inside = (i.name for i in pkgutil.iter_modules(module.__path__) if not i.ispkg and not i.name.startswith("_"))
    return [importlib.import_module(f"{module.__name__}.{name}") for name in inside]


def undocumented() -> list[str]:
    """Public names without a docstring: of the pages, and what is public in their classes."""
    found = []
    for module in (m for _, names in API.values() for name in names for m in modules(name)):
        for name in public(module):
            value = getattr(module, name)
            if inspect.ismodule(value) or isinstance(value, TypeVar) or name.startswith("__"):
                continue
            if inspect.isclass(value) or inspect.isroutine(value):
                told = bool(inspect.getdoc(value))
            else:
                told = name in _told_constants(_package_folder(module))
            found += [] if told else [f"{module.__name__}.{name}"]
            if inspect.isclass(value) and value.__module__.startswith("diffFx_pytorch."):
                found += [f"{module.__name__}.{name}.{member}" for member in _silent_members(value)]
    return sorted(set(found))


def _silent_members(cls: type) -> Iterator[str]:
    """Public methods and properties of a class itself that have no docstring, not even an inherited one."""
    fields = {*getattr(cls, "__dataclass_fields__", ()), *getattr(cls, "_fields", ())}  # told by Args
    for name, value in vars(cls).items():
        inner = value.func if hasattr(value, "func") else getattr(value, "__func__", value)
        if name.startswith("_") or name in fields or not (inspect.isfunction(inner) or isinstance(inner, property)):
            continue
        if not inspect.getdoc(getattr(cls, name)):
            yield name


def _package_folder(module: ModuleType) -> tuple[Path, ...]:
    """The files in which the constants of a module may stand."""
    path = Path(module.__file__ or "")
    return tuple(sorted(path.parent.rglob("*.py"))) if path.name == "__init__.py" else (path,)


@cache
def _told_constants(paths: tuple[Path, ...]) -> set[str]:
    """Names that are assigned at the top of these files with a docstring below them."""
    found: set[str] = set()
    for path in paths:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        for statement, after in pairwise(body):
            if (
                isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
                and isinstance(after.value.value, str)
            ):
                targets = (
                    statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
                )
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def api_page(title: str, names: list[str]) -> str:
    """A page of the reference: for each public name a directive that mkdocstrings replaces."""
    lines, listed = [f"# {title}", ""], set()
    for module in (m for name in names for m in modules(name)):
        members = [n for n in public(module) if not n.startswith("__")]
        if not members:
            continue
        lines += [f"## {module.__name__.removeprefix('diffFx_pytorch.')}", ""]
        lines += [(inspect.getdoc(module) or "").partition("\n\n")[0].replace("\n", " "), ""]
        for name in members:
            value = getattr(module, name)
            home = getattr(value, "__module__", None)
            if not (inspect.isclass(value) or inspect.isfunction(value)) or not str(home).startswith("diffFx_pytorch"):
                home = module.__name__
            if (place := f"{home}.{name}") not in listed:  # a package may give what its modules define
                lines += [f"::: {place}", ""]
            listed.add(place)
    return "\n".join(lines)
