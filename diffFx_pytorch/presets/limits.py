"""The ``fit`` block of a chain file: which knobs a fit may move, and how far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from ..control import check_range
from ..processor import Processor
from .nodes import Reader

FIXED = "fixed"
_LEGAL = "'fixed', a number, [lowest, highest] or the name of another knob"

Limit = float | str | tuple[float, float]


def read_limits(reader: Reader, root: yaml.Node, fx: Processor) -> dict[str, Limit]:
    """The limits that a file gives, by name of the knob; problems are the reader's.

    Returns:
        A number where a knob stays, two between which it moves, or the name of the knob whose value it has.
    """
    blocks = [value for key, value in root.value if key.value == "fit"] if isinstance(root, yaml.MappingNode) else []
    found: dict[str, Limit] = {}
    for node in blocks[:1]:
        for knob, item in reader.mapping(node, fx.params, "fit", noun="knob").items():
            limit = _limit(reader, item, knob, fx)
            if limit is not None:
                found[knob] = limit
    return found


def _limit(reader: Reader, node: yaml.Node, knob: str, fx: Processor) -> Limit | None:
    row = fx.params[knob]
    if isinstance(node, yaml.ScalarNode) and node.value in fx.params:
        return node.value
    given = [node]
    if isinstance(node, yaml.ScalarNode) and node.value == FIXED:
        value = fx.settings.get(knob, row.default)
        return float(value) if isinstance(value, (int, float)) else None  # one that moves is refused by the fit
    if isinstance(node, yaml.SequenceNode):
        given = node.value
    if isinstance(node, yaml.MappingNode) or len(given) not in (1, 2):
        reader.problem(node, f"fit of {knob} must be {_LEGAL}")
        return None
    if isinstance(node, yaml.ScalarNode) and not _is_number(node.value):
        reader.problem(node, f"fit of {knob} must be {_LEGAL}, got {node.value!r}")
        return None
    numbers = [reader.number(item, f"fit of {knob}", row.range_text()) for item in given]
    for item, number in zip(given, numbers, strict=True):
        try:
            if number is not None:
                check_range(knob, number, row.min_val, row.max_val, row.range_text())
        except ValueError as error:
            reader.problem(item, str(error))
            return None
    if any(number is None for number in numbers):
        return None
    if len(numbers) == 2 and not numbers[0] < numbers[1]:  # type: ignore[operator]  # numbers
        reader.problem(node, f"fit of {knob}: nothing lies between {numbers[0]:g} and {numbers[1]:g}")
        return None
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])  # type: ignore[return-value]  # numbers


def as_plain(limits: Mapping[str, Limit]) -> dict[str, Any]:
    """Limits as a file says them."""
    return {name: list(limit) if isinstance(limit, tuple) else limit for name, limit in limits.items()}


def schema() -> dict[str, Any]:
    """The schema of the block."""
    pair = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    return {
        "type": "object",
        "additionalProperties": {"anyOf": [{"type": "number"}, {"type": "string"}, pair]},
        "description": f"What difffx fit may turn, by name of the knob as in eq.peak_1_gain_db: {_LEGAL}.",
    }


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
