"""The reference: which modules are on which page, and what of them is public."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

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
    "report": ("Pages and players", ["report"]),
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
    """Public names without a docstring."""
    return [
        f"{module.__name__}.{name}"
        for _, names in API.values()
        for page in names
        for module in modules(page)
        for name in public(module)
        if (inspect.isclass(v := getattr(module, name)) or inspect.isroutine(v)) and not inspect.getdoc(v)
    ]


def api_page(title: str, names: list[str]) -> str:
    """A page of the reference: for each public name a directive that mkdocstrings replaces."""
    lines = [f"# {title}", ""]
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
            lines += [f"::: {home}.{name}", ""]
    return "\n".join(lines)
