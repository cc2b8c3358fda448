"""Which effects exist."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator

from . import processors  # noqa: F401  # importing the package defines its effects
from .control import unknown_name
from .processor import Processor, is_effect

ENTRY_POINTS = "diffFx_pytorch.effects"
"""Installed packages that name modules under this entry point have their effects found here too."""


def effects() -> dict[str, type[Processor]]:
    """Every effect that is defined, by name: the package's own, those of installed plug-ins, those of the caller.

    A class defined again (in a notebook) takes the place of its predecessor.
    """
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        entry.load()
    return {cls.__name__: cls for cls in _subclasses(Processor) if is_effect(cls)}


def effect(name: str) -> type[Processor]:
    """The effect called ``name``.

    Raises:
        ValueError: for an unknown name, with the nearest known one.
    """
    known = effects()
    if name not in known:
        raise ValueError(unknown_name(name, sorted(known), "effect"))
    return known[name]


def family(cls: type[Processor]) -> str:
    """The family of an effect: the folder of ``processors`` it lives in, or its module's name."""
    parts = cls.__module__.split(".")
    return parts[parts.index("processors") + 1] if "processors" in parts[:-1] else parts[-1]


def _subclasses(cls: type[Processor]) -> Iterator[type[Processor]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)
