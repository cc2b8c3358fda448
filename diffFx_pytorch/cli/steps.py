"""Effects written on the command line: ``Compressor:threshold_db=-24,ratio=4``, and their completion by a shell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import importing

if TYPE_CHECKING:
    from ..presets.chain_file import ChainFile

_SETTING = re.compile(r"[A-Za-z_][\w.]*=")


def is_setting(word: str) -> bool:
    """Whether a word of a command line is ``knob=value`` and no file."""
    return _SETTING.match(word) is not None and not Path(word).exists()


def chain_of(steps: Sequence[str]) -> ChainFile:
    """The chain of effects in order, each as ``Effect`` or ``Effect:knob=value,option=value``.

    Values are what a chain file takes: numbers, words, lists of points ``[200, 4000]``.

    Raises:
        ValueError: for an unknown effect, a setting that is none, or values that the effect does not take.
    """
    with importing():
        import yaml

        from ..presets import load_chain
        from ..presets.nodes import ChainFileError

    def loaded(parts: list[dict[str, Any]]) -> ChainFile:
        return load_chain(yaml.safe_dump({"version": 1, "chain": parts}, sort_keys=False))

    parts = [_step(step) for step in steps]
    for part in parts:
        try:
            loaded([part])
        except ChainFileError as error:
            # Places in a text that nobody wrote would mislead.
            problems = (re.sub(r"^chain:\d+:\d+: ", "", problem) for problem in error.problems)
            name = part["effect"]
            named = (problem if name in problem else f"{name}: {problem}" for problem in problems)
            raise ValueError("\n".join(named)) from None
    return loaded(parts)


def _step(text: str) -> dict[str, Any]:
    from .. import registry

    name, _, given = text.partition(":")
    cls = registry.effect(name.strip())
    knobs = registry.built(cls).params
    step: dict[str, Any] = {"effect": name.strip()}
    for setting in filter(None, re.split(r"[,\s]+(?=[A-Za-z_][\w.]*=)", given.strip(" ,"))):
        key, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"{text}: {setting!r} is no setting; write knob=value")
        is_option = key in cls.options or (key not in knobs and get_close_matches(key, cls.options, 1, 0.8))
        step.setdefault("options" if is_option else "params", {})[key] = _value(value)
    return step


def _value(text: str) -> Any:
    import yaml

    try:  # YAML takes 1e3 for a word
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    except ValueError:
        pass
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def complete_effect(incomplete: str) -> list[str]:
    """Names of effects that begin so."""
    from .. import registry

    return [name for name in sorted(registry.available()) if name.lower().startswith(incomplete.lower())]


def complete_step(incomplete: str) -> list[str]:
    """Ends of ``Effect:knob=value,...``."""
    name, colon, given = incomplete.partition(":")
    if not colon:
        return complete_effect(incomplete)
    done, comma, last = given.rpartition(",")
    before = f"{name}:{done}{comma}"
    return [before + setting for setting in _settings(name, last)]


def complete_setting(words: Iterable[str], incomplete: str) -> list[str]:
    """Knobs, options and values of the effect among the words before."""
    from .. import registry

    known = registry.available()
    name = next((word for word in words if word in known), "")
    return _settings(name, incomplete) or complete_file(incomplete)


def complete_file(incomplete: str) -> list[str]:
    """Files and folders that begin so."""
    folder, start = Path(incomplete).parent, incomplete.rpartition("/")[2]
    if not folder.is_dir():
        return []
    found = sorted(
        path for path in folder.iterdir() if path.name.startswith(start) and path.name[:1] != "." * (not start)
    )
    return [incomplete[: len(incomplete) - len(start)] + path.name + "/" * path.is_dir() for path in found]


def _settings(name: str, incomplete: str) -> list[str]:
    from .. import registry
    from ..options import Choice, Flag

    cls = registry.available().get(name)
    if cls is None:
        return []
    key, equals, value = incomplete.partition("=")
    if not equals:
        return [f"{known}=" for known in (*registry.built(cls).params, *cls.options) if known.startswith(incomplete)]
    option = cls.options.get(key)
    values = option.values if isinstance(option, Choice) else ("true", "false") if isinstance(option, Flag) else ()
    return [f"{key}={legal}" for legal in values if str(legal).startswith(value)]


Effects = Annotated[
    list[str] | None,
    typer.Option(
        "--effect",
        "-e",
        metavar="EFFECT[:KNOB=VALUE,...]",
        help="An effect and its settings, in place of a chain file; several make a chain.",
        show_default=False,
        autocompletion=complete_step,
    ),
]
"""The option of a command that takes effects in place of a chain file."""
