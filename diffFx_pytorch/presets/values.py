"""Values of knobs and options in a chain file."""

from __future__ import annotations

from typing import Any

import torch
import yaml

from ..automation import SEGMENTS, Segment
from ..control import KnobValue, check_range
from ..options import Integer, Number, Option
from ..params import HIGHEST_FREQUENCY, EffectParam
from .nodes import Reader

_LEGAL = "a number, a list of numbers or {time_s: number}"


def option_value(reader: Reader, node: yaml.Node, option: Option) -> Any:
    """What a node says; where a number is due it is read as knobs are: 1e3 is one and 1:30 is none."""
    value = reader.plain(node)
    if value is None or not isinstance(node, yaml.ScalarNode) or not isinstance(option, (Number, Integer)):
        return value
    try:
        number = float(node.value) if not node.style else None
    except ValueError:
        number = None
    if number is None:
        return node.value
    return int(number) if isinstance(option, Integer) and number.is_integer() else number


def setting(reader: Reader, node: yaml.Node, knob: str, param: EffectParam, sample_rate: float) -> KnobValue | None:
    """What a knob is set to: a number, points evenly spread (1, F), or points in time; None where that is wrong."""
    if isinstance(node, yaml.ScalarNode):
        return _value(reader, node, knob, param, sample_rate)
    if not node.value:
        reader.problem(node, f"{knob} moves through no points; give {_LEGAL}")
    if len(node.value) > 1 and not param.automatable:
        reader.problem(node, f"{knob} cannot move within a signal; give one number")
    if isinstance(node, yaml.MappingNode):
        timed = _timed(reader, node, knob, param, sample_rate)
        return timed if len(timed) == len(node.value) > 0 else None
    read = (_value(reader, item, knob, param, sample_rate) for item in reader.sequence(node, knob, _LEGAL))
    points = [value for value in read if value is not None]
    if len(points) != len(node.value) or not points:
        return None
    return points[0] if len(points) == 1 else torch.tensor([points], dtype=torch.float64)


def _timed(
    reader: Reader, node: yaml.MappingNode, knob: str, param: EffectParam, sample_rate: float
) -> dict[float, float | tuple[float, Segment]]:
    """The legal points of ``{time_s: value}`` or ``{time_s: [value, segment]}``."""
    points: dict[float, float | tuple[float, Segment]] = {}
    for key, item in node.value:
        time = reader.number(key, f"a time of {knob}", "seconds, 0 or more")
        if time is None:
            continue
        if time < 0 or time in points:
            reader.problem(
                key, f"a time of {knob} must be " + ("0 s or more" if time < 0 else "given once") + f", got {time:g}"
            )
            continue
        segment, place = "linear", item
        if isinstance(item, yaml.SequenceNode) and len(item.value) == 2:
            place, kind = item.value
            segment = reader.scalar(kind, f"the segment after {time:g} s of {knob}")
            if segment not in SEGMENTS:
                reader.problem(kind, f"a segment of {knob} must be {' or '.join(SEGMENTS)}, got {segment!r}")
                continue
        value = _value(reader, place, knob, param, sample_rate)
        if value is not None:
            points[time] = value if segment == "linear" else (value, segment)
    return points


def _value(reader: Reader, node: yaml.Node, knob: str, param: EffectParam, sample_rate: float) -> float | None:
    value = reader.number(node, knob, param.range_text())
    if value is None:
        return None
    try:
        check_range(knob, value, param.min_val, param.max_val, param.range_text())
    except ValueError as error:
        cut = param.unit == "Hz" and value > param.max_val == HIGHEST_FREQUENCY * sample_rate
        reader.problem(node, str(error) + (f" at a sample rate of {sample_rate:g} Hz" if cut else ""))
        return None
    return value
