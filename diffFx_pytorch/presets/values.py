"""Values of knobs and options in a chain file."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from ..automation import SEGMENTS, Segment
from ..control import KnobValue, check_range
from ..files import check_regular
from ..options import Integer, Number, Option, Share
from ..params import HIGHEST_FREQUENCY, EffectParam
from .nodes import Reader

_LEGAL = "a number, a list of numbers, {time_s: number}, {beats: {beat: number}} or {csv: file}"
SLOWEST, FASTEST = 1.0, 1000.0
"""Tempi that a file may name, in beats per minute."""


def option_value(reader: Reader, node: yaml.Node, option: Option) -> Any:
    """What a node says; where a number is due it is read as knobs are: 1e3 is one and 1:30 is none."""
    value = reader.plain(node)
    if value is None or not isinstance(node, yaml.ScalarNode) or not isinstance(option, (Number, Integer)):
        return value
    if isinstance(option, Share) and isinstance(value, bool):
        return value
    try:
        number = float(node.value) if not node.style else None
    except ValueError:
        number = None
    if number is None:
        return node.value
    return int(number) if isinstance(option, Integer) and number.is_integer() else number


def number_between(
    reader: Reader, node: yaml.Node, what: str, low: float, high: float = math.inf, unit: str = ""
) -> float | None:
    """A number in [low, high]; anything else is a problem and None."""
    legal = f"{low:g} {unit}".rstrip() + " or more" if high == math.inf else f"{low:g} .. {high:g} {unit}".rstrip()
    value = reader.number(node, what, legal)
    if value is not None and not low <= value <= high:
        reader.problem(node, f"{what} must be {legal}, got {value:g}")
        return None
    return value


def tempo(reader: Reader, node: yaml.Node) -> float | None:
    """The tempo that a file names, in beats per minute."""
    return number_between(reader, node, "tempo_bpm", SLOWEST, FASTEST, "bpm")


@dataclass(frozen=True)
class ValueReader:
    """Reads what knobs are set to; problems are the reader's.

    Args:
        reader: of the file.
        sample_rate: in Hz, at which frequencies end.
        folder: beside which files of points are looked for; None is the working folder.
        tempo_bpm: of points per beat; None where the file names none.
    """

    reader: Reader
    sample_rate: float
    folder: Path | None = None
    tempo_bpm: float | None = None

    def setting(self, node: yaml.Node, knob: str, param: EffectParam) -> KnobValue | None:
        """A number, points evenly spread (1, F), or points in time; None where that is wrong."""
        reader = self.reader
        if isinstance(node, yaml.ScalarNode):
            return self._value(node, knob, param)
        if not node.value:
            reader.problem(node, f"{knob} moves through no points; give {_LEGAL}")
        if isinstance(node, yaml.MappingNode):
            first = node.value[0][0].value if node.value else None
            if first == "beats":
                return self._in_beats(node, knob, param)
            if first == "csv":
                return self._from_csv(node, knob, param)
        if len(node.value) > 1 and not self._may_move(node, knob, param):
            return None
        if isinstance(node, yaml.MappingNode):
            return self._timed(node, knob, param)
        read = (self._value(item, knob, param) for item in reader.sequence(node, knob, _LEGAL))
        points = [value for value in read if value is not None]
        if len(points) != len(node.value) or not points:
            return None
        return points[0] if len(points) == 1 else torch.tensor([points], dtype=torch.float64)

    def _may_move(self, node: yaml.Node, knob: str, param: EffectParam) -> bool:
        if not param.automatable:
            self.reader.problem(node, f"{knob} cannot move within a signal; give one number")
        return param.automatable

    def _in_beats(self, node: yaml.MappingNode, knob: str, param: EffectParam) -> KnobValue | None:
        """``{beats: {beat: value}}``, beat 0 at the beginning."""
        inner = self.reader.mapping(node, ("beats",), f"points of {knob}").get("beats")
        seconds = self._beat(node, knob)
        if inner is None or seconds is None or not self._may_move(node, knob, param):
            return None
        if not isinstance(inner, yaml.MappingNode) or not inner.value:
            self.reader.problem(inner, f"beats of {knob} must be {{beat: number, ...}}")
            return None
        return self._timed(inner, knob, param, seconds, "beat")

    def _beat(self, node: yaml.Node, knob: str) -> float | None:
        """The length of a beat in seconds."""
        if self.tempo_bpm is None:
            self.reader.problem(node, f"{knob} moves per beat, and the file names no tempo; add 'tempo_bpm: 120' to it")
            return None
        return 60.0 / self.tempo_bpm

    def _timed(
        self, node: yaml.MappingNode, knob: str, param: EffectParam, scale: float = 1.0, noun: str = "time"
    ) -> KnobValue | None:
        """The points of ``{time: value}`` or ``{time: [value, segment]}``; ``scale`` is the unit of time in seconds."""
        reader = self.reader
        points: dict[float, float | tuple[float, Segment]] = {}
        unit = "seconds" if noun == "time" else "beats"
        for key, item in node.value:
            at = reader.number(key, f"a {noun} of {knob}", f"{unit}, 0 or more", quoted=True)  # as JSON has it
            if at is None:
                continue
            time = at * scale
            if time < 0 or time in points:
                wrong = f"0 {unit[0] if noun == 'time' else unit} or more" if time < 0 else "given once"
                reader.problem(key, f"a {noun} of {knob} must be {wrong}, got {at:g}")
                continue
            segment, place = "linear", item
            if isinstance(item, yaml.SequenceNode) and len(item.value) == 2:
                place, kind = item.value
                segment = reader.scalar(kind, f"the segment after {at:g} {unit[0]} of {knob}")
                if segment not in SEGMENTS:
                    reader.problem(kind, f"a segment of {knob} must be {' or '.join(SEGMENTS)}, got {segment!r}")
                    continue
            value = self._value(place, knob, param)
            if value is not None:
                points[time] = value if segment == "linear" else (value, segment)
        return points if len(points) == len(node.value) > 0 else None

    def _from_csv(self, node: yaml.MappingNode, knob: str, param: EffectParam) -> KnobValue | None:
        """``{csv: file}``: rows of time and value, and how the knob goes on; a first row may head them."""
        reader = self.reader
        named = reader.mapping(node, ("csv",), f"points of {knob}").get("csv")
        name = None if named is None else reader.scalar(named, f"csv of {knob}")
        if named is None or not isinstance(name, str) or not self._may_move(node, knob, param):
            if named is not None and name is not None and not isinstance(name, str):
                reader.problem(named, f"csv of {knob} must be the name of a file, got {name!r}")
            return None
        path = beside(name, self.folder)
        points: dict[float, Any] = {}
        try:
            check_regular(path)
            with open(path, newline="", encoding="utf-8-sig") as file:
                scale = 1.0
                for number, row in enumerate(csv.reader(file), 1):
                    cells = [cell.strip() for cell in row]
                    if number == 1 and len(cells) > 1 and cells[0] in ("time_s", "beats"):
                        unit = self._beat(named, knob) if cells[0] == "beats" else 1.0
                        if unit is None:
                            return None
                        scale = unit
                    elif any(cells):
                        time, value = _csv_point(cells, knob, param, f"{path}:{number}")
                        if time * scale in points:
                            raise ValueError(f"{path}:{number}: {time:g} is given twice")
                        points[time * scale] = value
        except (OSError, ValueError, csv.Error) as error:
            reader.problem(named, str(error) if str(path) in str(error) else f"{path}: {error}")
            return None
        if not points:
            reader.problem(named, f"{path}: holds no points; write rows of time_s,value")
        return points or None

    def _value(self, node: yaml.Node, knob: str, param: EffectParam) -> float | None:
        value = self.reader.number(node, knob, param.range_text())
        if value is None:
            return None
        try:
            check_range(knob, value, param.min_val, param.max_val, param.range_text())
        except ValueError as error:
            cut = param.unit == "Hz" and value > param.max_val == HIGHEST_FREQUENCY * self.sample_rate
            self.reader.problem(node, str(error) + (f" at a sample rate of {self.sample_rate:g} Hz" if cut else ""))
            return None
        return value


def beside(name: str, folder: Path | None) -> Path:
    """A file that a file names: beside it, or where the name says."""
    found = Path(name) if folder is None else folder / name
    return found if found.exists() else Path(name)


def _csv_point(cells: list[str], knob: str, param: EffectParam, place: str) -> tuple[float, Any]:
    """A row of a file of points.

    Raises:
        ValueError: naming the row.
    """
    try:
        if not 2 <= len(cells) <= 3:
            raise ValueError(f"a row is time,value or time,value,segment, got {len(cells)} cells")
        time, value = float(cells[0]), float(cells[1])
        segment = cells[2] if len(cells) == 3 and cells[2] else "linear"
        if segment not in SEGMENTS:
            raise ValueError(f"a segment must be {' or '.join(SEGMENTS)}, got {segment!r}")
        if not 0 <= time < math.inf:
            raise ValueError(f"a time must be 0 or more, got {cells[0]}")
        check_range(knob, value, param.min_val, param.max_val, param.range_text())
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    return time, value if segment == "linear" else (value, segment)
