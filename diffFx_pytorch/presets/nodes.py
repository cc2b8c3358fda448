"""YAML nodes with their place in the file: problems are collected, and reported all at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import yaml

from ..control import unknown_name

_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map")}
_KINDS = {yaml.ScalarNode: "a single value", yaml.SequenceNode: "a list", yaml.MappingNode: "a mapping"}


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_TOLD = 50
_DEEPEST, _MOST_NODES, _MOST_MAPPINGS, _MOST_ALIASES = 64, 2_000_000, 10_000, 1000


class ChainFileError(ValueError):
    """The problems of a chain file: one line per problem, each with its place.

    Args:
        problems: messages that begin ``file:line:column:``.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def plain_text(text: str) -> Any:
    """What a text says, in plain Python; for a text that was read without a problem."""
    return yaml.load(text, Loader=_LOADER)  # a safe loader


class Reader:
    """Reads nodes of one file and remembers every problem.

    Args:
        source: name of the file.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: dict[tuple[int, int, str], None] = {}
        """Line, column (both from 1) and message of everything found so far."""

    def compose(self, text: str) -> yaml.Node:
        """The root node of a text.

        Raises:
            ChainFileError: if the text is empty, no YAML, or too much of it.
        """
        try:
            self._measure(text)
            root = yaml.compose(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f"{self.source}:{mark.line + 1}:{mark.column + 1}" if mark else self.source
            self._fail(f"{place}: not YAML: {error.problem or error.context}")
        except (yaml.YAMLError, RecursionError) as error:
            self._fail(f"{self.source}: not YAML: {str(error).splitlines()[0]}")
        if root is None:
            self._fail(f"{self.source}: is empty; a chain file begins 'version: 1'")
        return root

    def _measure(self, text: str) -> None:
        """Refuse what would take minutes to compose, at its first place."""
        depth = mappings = aliases = 0
        for count, event in enumerate(yaml.parse(text, Loader=_LOADER)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            mappings += isinstance(event, yaml.MappingStartEvent)
            aliases += isinstance(event, yaml.AliasEvent)
            for number, most, what in (
                (depth, _DEEPEST, "levels deep"),
                (count, _MOST_NODES, "values"),
                (mappings, _MOST_MAPPINGS, "mappings"),
                (aliases, _MOST_ALIASES, "aliases"),
            ):
                if number > most:
                    mark = event.start_mark
                    self._fail(f"{self.source}:{mark.line + 1}:{mark.column + 1}: more than {most} {what}")

    def problem(self, node: yaml.Node, message: str) -> None:
        """Remember a problem at a node."""
        mark = node.start_mark
        self.problems[mark.line + 1, mark.column + 1, message] = None

    def finish(self) -> None:
        """Raise the problems remembered, if there are any.

        Raises:
            ChainFileError: if anything was.
        """
        if self.problems:
            found = [f"{self.source}:{line}:{column}: {text}" for line, column, text in sorted(self.problems)]
            more = [f"{self.source}: and {len(found) - _MOST_TOLD} problems more"] if len(found) > _MOST_TOLD else []
            raise ChainFileError([*found[:_MOST_TOLD], *more])

    def mapping(
        self, node: yaml.Node, legal: Iterable[str], what: str, noun: str = "key", required: Sequence[str] = ()
    ) -> dict[str, yaml.Node]:
        """The legal keys of a mapping with their nodes; unknown, repeated and missing keys are problems."""
        if not self._is(node, yaml.MappingNode, what, f"a mapping of {', '.join(required) or 'names to values'}"):
            return {}
        legal = list(legal)
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value not in legal:
                given = key.value if isinstance(key, yaml.ScalarNode) else "?"
                self.problem(key, f"{what}: {unknown_name(given, legal, noun)}")
            elif key.value in found:
                self.problem(key, f"{what}: {key.value!r} is given twice; keep one")
            else:
                found[key.value] = value
        known = {key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        for name in required:
            if name not in known:
                self.problem(node, f"{what} needs {name!r}")
        return found

    def sequence(self, node: yaml.Node, what: str, legal: str) -> list[yaml.Node]:
        """The nodes of a list."""
        return list(node.value) if self._is(node, yaml.SequenceNode, what, legal) else []

    def scalar(self, node: yaml.Node, what: str) -> Any:
        """A single value: str, int, float, bool or None; anything else is a problem and None."""
        return self.plain(node) if self._is(node, yaml.ScalarNode, what, "a single value") else None

    def plain(self, node: yaml.Node) -> Any:
        """What a node says, in plain Python: scalars, lists and dicts."""
        try:
            loader = yaml.SafeLoader("")
            return loader.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            problem = getattr(error, "problem", None) or str(error)
            self.problem(node, f"cannot be read as a plain value: {problem}")
            return None

    def number(self, node: yaml.Node, what: str, legal: str, quoted: bool = False) -> float | None:
        """A finite number; YAML's own resolver is not asked: it takes ``1e3`` for a string and ``1:30`` for 90.

        One in quotes is a problem unless ``quoted``.
        """
        if not self._is(node, yaml.ScalarNode, what, f"a number in {legal}") or not isinstance(node, yaml.ScalarNode):
            return None
        text = node.value.strip()
        try:
            value = float(text.replace(".nan", "nan").replace(".inf", "inf")) if quoted or not node.style else None
        except ValueError:
            value = None
        if value is None:
            in_quotes = "" if not node.style else " in quotes"
            self.problem(node, f"{what} must be a number in {legal}, got {text!r}{in_quotes}")
        elif not math.isfinite(value):
            self.problem(node, f"{what} must be a finite number in {legal}, got {text}")
        else:
            return value
        return None

    def _is(self, node: yaml.Node, kind: type[yaml.Node], what: str, legal: str) -> bool:
        if node.tag not in _PLAIN_TAGS:
            self.problem(node, f"{what} must be {legal}; the tag {node.tag!r} is not allowed in a chain file")
            return False
        if isinstance(node, kind):
            return True
        given = next(text for cls, text in _KINDS.items() if isinstance(node, cls))
        if isinstance(node, yaml.ScalarNode):
            given = f"{node.value!r}" if node.value else "nothing"
        self.problem(node, f"{what} must be {legal}, got {given}")
        return False

    def _fail(self, message: str) -> NoReturn:
        raise ChainFileError([message])
