"""Which effects exist."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import warnings
from collections.abc import Iterator

from . import processors  # noqa: F401  # importing the package defines its effects
from .control import unknown_name
from .processor import Processor, is_effect

ENTRY_POINTS = "diffFx_pytorch.effects"
"""Installed packages that name modules under this entry point have their effects found here too."""


@functools.cache
def _plug_ins() -> tuple[importlib.metadata.EntryPoint, ...]:
    """Looked up once: it reads the metadata of every package that is installed."""
    return tuple(importlib.metadata.entry_points(group=ENTRY_POINTS))


_BROKEN: set[importlib.metadata.EntryPoint] = set()


def effects() -> dict[str, type[Processor]]:
    """Every effect that is defined, by name: the package's own, those of installed plug-ins, those of the caller.

    A class defined again (in a notebook) takes the place of its predecessor. A plug-in that cannot be imported is left
    out, with one warning that names it.
    """
    for entry in _plug_ins():
        if entry in _BROKEN:
            continue
        try:
            entry.load()
        except (Exception, SystemExit) as error:  # whatever a stranger's module does when it is imported
            _BROKEN.add(entry)
            package = entry.dist.name if entry.dist else "an unknown package"
            warnings.warn(
                f"the effects of the plug-in {entry.value!r} of {package} are left out: "
                f"{type(error).__name__}: {error}",
                stacklevel=2,
            )
    return {cls.__name__: cls for cls in _subclasses(Processor) if is_effect(cls)}


def hosted() -> dict[str, type[Processor]]:
    """Effects of others that can be steps too, by name: none where pedalboard is not installed."""
    if importlib.util.find_spec("pedalboard") is None:
        return {}
    from .hosted import hosted_effects

    return hosted_effects()


def available() -> dict[str, type[Processor]]:
    """What a step of a chain may be: every effect, and what is hosted."""
    return {**effects(), **hosted()}


def effect(name: str) -> type[Processor]:
    """The effect called ``name``.

    Raises:
        ValueError: for an unknown name, with the nearest known one; for what is hosted, where its host is missing.
    """
    if name.startswith("pedalboard.") or name == "VST3":
        from .hosted import hosted_effects

        known = hosted_effects()
    else:
        known = effects()
    if name not in known:
        raise ValueError(unknown_name(name, sorted(known), "effect"))
    return known[name]


def built(cls: type[Processor], sample_rate: float = 44100) -> Processor:
    """An effect as it is without options; a stranger's may fail in any way.

    Raises:
        ValueError: naming the effect that cannot be built, and why.
    """
    try:
        return cls(sample_rate)
    except (ValueError, TypeError):
        raise
    except Exception as error:
        raise ValueError(f"{cls.__name__} cannot be built: {type(error).__name__}: {error}") from error


def family(cls: type[Processor]) -> str:
    """The family of an effect: the folder of ``processors`` it lives in, or its module's name."""
    host, dot, _ = cls.__name__.partition(".")
    if dot:
        return host
    parts = cls.__module__.split(".")
    return parts[parts.index("processors") + 1] if "processors" in parts[:-1] else parts[-1]


def _subclasses(cls: type[Processor]) -> Iterator[type[Processor]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)
