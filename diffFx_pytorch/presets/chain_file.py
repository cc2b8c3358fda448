"""Chain files: a chain and its settings as versioned YAML in physical units.

::

    version: 1
    chain:
      - effect: ParametricEqualizer
        name: eq                  # optional; the effect in snake case, numbered where it occurs again
        options: {num_peaks: 3}   # optional; keywords of the constructor
        params:                   # optional; what is left out takes its default
          peak_1_gain_db: 3.0
          peak_1_freq_hz: [200, 800]   # points evenly spaced over the signal
          peak_1_q: {0: 0.7, 1.5: [4, hold], 3: 1}   # points in time, in seconds

Between its points a knob moves in straight lines of its position, as automation in a DAW does; a point in time may say
how it goes on to the next: ``linear``, ``smooth`` (without corners) or ``hold`` (a step at the next point).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from ..automation import SEGMENTS, Points, Segment
from ..control import Knobs, KnobValue, as_dict, check_kind, check_range
from ..options import Integer, Number, Option
from ..params import HIGHEST_FREQUENCY, EffectParam
from ..processor import Processor
from ..registry import effect, effects
from ..render.atomic import replacing
from ..routing import Chain
from ..routing.routing import has_meaning
from .nodes import ChainFileError, Reader

__all__ = ["VERSION", "ChainFile", "ChainFileError", "dump_chain", "load_chain", "save_chain"]

VERSION = 1
_WIDEST_RATE = 192000.0
_LEGAL = "a number, a list of numbers or {time_s: number}"


@dataclass(frozen=True)
class ChainFile:
    """A chain file that has been read: independent of the sample rate until it is built.

    Args:
        text: what the file says.
        source: its name, for error messages.
    """

    text: str = field(repr=False)
    source: str = "chain"

    def build(self, sample_rate: float) -> tuple[Chain, dict[str, KnobValue]]:
        """The chain at a sample rate, which holds the settings of the file, and these by name.

        Args:
            sample_rate: in Hz.

        Returns:
            ``(chain, dsp_params)``: what ``chain(x, dsp_params=dsp_params)`` takes; an automated knob is (1, F), or
            ``{time_s: value}``.

        Raises:
            ChainFileError: naming line and column of everything that is wrong.
        """
        reader = Reader(self.source)
        root = reader.compose(self.text)
        built: dict[str, Processor] = {}
        settings: dict[str, KnobValue] = {}
        for node in _steps(reader, root):
            _read_step(reader, node, sample_rate, built, settings)
        reader.finish()
        return Chain(**built).set(settings), settings


def load_chain(source: str | os.PathLike[str], sample_rate: float = _WIDEST_RATE) -> ChainFile:
    """Read and check a chain file.

    Args:
        source: path of the file, or its text (a string of more than one line).
        sample_rate: in Hz, at which ranges are checked; ``build`` checks again at the rate it is given. The default
            is the widest: a frequency is refused only where no rate allows it.

    Raises:
        ChainFileError: naming line and column of everything that is wrong.
        OSError: if the file cannot be read.
    """
    if isinstance(source, str) and "\n" in source:
        chain = ChainFile(source)
    else:
        raw = Path(source).read_bytes()
        try:
            chain = ChainFile(raw.decode("utf-8-sig"), os.fspath(source))
        except UnicodeDecodeError as error:
            raise ChainFileError(
                [f"{os.fspath(source)}: is no text file: {error.reason} at byte {error.start}"]
            ) from None
    chain.build(sample_rate)
    return chain


def save_chain(path: str | os.PathLike[str], chain: Chain, dsp_params: Knobs | None = None) -> None:
    """Write a chain and its settings as a chain file; ``load_chain(path).build(rate)`` gives them back exactly.

    Every knob is written, defaults too, so that the file means the same when a default changes. A number is written
    in the fewest digits that give the same value in its own precision (a float32 0.1 as 0.1).

    Args:
        path: of the file, replaced in one step.
        chain: effects of the registry.
        dsp_params: settings in physical units, one item: numbers, tensors 0-d, (1,) or (1, F), or
            ``{time_s: value}``.

    Raises:
        ValueError: for a batch of settings, or a chain that a file cannot say.
    """
    text = dump_chain(chain, dsp_params)
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def dump_chain(chain: Chain, dsp_params: Knobs | None = None) -> str:
    """The text of a chain file; arguments and errors as for ``save_chain``."""
    given = {**chain.settings, **as_dict({} if dsp_params is None else dsp_params, chain.params)}
    steps = []
    for name, fx in chain.steps.items():
        assert isinstance(fx, Processor)
        if effects().get(type(fx).__name__) is not type(fx):
            raise ValueError(f"save_chain: {name} is a {type(fx).__name__}, which is no effect of the registry")
        step: dict[str, Any] = {"effect": type(fx).__name__, "name": name}
        if options := _options_of(name, fx):
            step["options"] = options
        if fx.params:
            step["params"] = {
                knob: _plain(f"{name}.{knob}", given.get(f"{name}.{knob}", param.default))
                for knob, param in fx.params.items()
            }
        steps.append(step)
    text = yaml.dump({"version": VERSION, "chain": steps}, Dumper=_Dumper, sort_keys=False, width=120)
    ChainFile(text, "save_chain").build(chain.sample_rate)
    return text


def _steps(reader: Reader, root: yaml.Node) -> list[yaml.Node]:
    top = reader.mapping(root, ("version", "chain"), "a chain file", required=("version", "chain"))
    if "version" in top:
        version = reader.scalar(top["version"], "version")
        if version != VERSION:
            reader.problem(top["version"], f"unknown version {version!r}; this release reads version {VERSION}")
            return []
    steps = reader.sequence(top["chain"], "chain", "a list of effects") if "chain" in top else []
    if "chain" in top and isinstance(top["chain"], yaml.SequenceNode) and not steps:
        reader.problem(top["chain"], "chain is empty; it needs at least one effect")
    return steps


def _read_step(
    reader: Reader, node: yaml.Node, sample_rate: float, built: dict[str, Processor], settings: dict[str, KnobValue]
) -> None:
    step = reader.mapping(node, ("effect", "name", "options", "params"), "a step of the chain", required=("effect",))
    if "effect" not in step:
        return
    try:
        cls = effect(str(reader.scalar(step["effect"], "effect")))
    except ValueError as error:
        reader.problem(step["effect"], str(error))
        return
    fx = _construct(reader, step, cls, sample_rate)
    if fx is None:
        return
    name = _name(reader, step, fx, built)
    built[name] = fx
    if "params" not in step:
        return
    for knob, value in reader.mapping(step["params"], fx.params, f"params of {cls.__name__}", noun="parameter").items():
        setting = _setting(reader, value, knob, fx.params[knob], sample_rate)
        if setting is not None:
            settings[f"{name}.{knob}"] = setting


def _construct(reader: Reader, step: Mapping[str, yaml.Node], cls: type[Processor], rate: float) -> Processor | None:
    options: dict[str, Any] = {}
    if "options" in step:
        known = len(reader.problems)
        nodes = reader.mapping(step["options"], cls.options, f"options of {cls.__name__}", noun="option")
        for name, node in nodes.items():
            value = _option_value(reader, node, cls.options[name])
            try:
                options[name] = cls.options[name].read(name, value, rate)
            except ValueError as error:
                reader.problem(node, f"{cls.__name__}: {error}")
        if len(reader.problems) > known:
            return None
    try:
        return cls(sample_rate=rate, **options)
    except (ValueError, TypeError) as error:
        reader.problem(step.get("options", step["effect"]), str(error))
        return None


def _option_value(reader: Reader, node: yaml.Node, option: Option) -> Any:
    """What a node says; where a number is due it is read as knobs are: 1e3 is one and 1:30 is none."""
    value = reader.plain(node)
    if value is None or not isinstance(node, yaml.ScalarNode) or not isinstance(option, (Number, Integer)):
        return value
    try:
        number = float(node.value) if node.style is None else None
    except ValueError:
        number = None
    if number is None:
        return node.value
    return int(number) if isinstance(option, Integer) and number.is_integer() else number


def _name(reader: Reader, step: Mapping[str, yaml.Node], fx: Processor, built: Mapping[str, Processor]) -> str:
    base = next(iter(Chain(fx).steps))
    numbered = (f"{base}_{count}" for count in range(2, len(built) + 3))
    default = base if base not in built else next(name for name in numbered if name not in built)
    if "name" not in step:
        return default
    name = reader.scalar(step["name"], "name")
    if not isinstance(name, str) or not name.isidentifier():
        reader.problem(step["name"], f"{name!r} is no name for an effect; use letters, digits and underscores")
        return default
    if name == "self" or has_meaning(name):
        reader.problem(step["name"], f"{name!r} has a meaning of its own in a chain; give another name")
        return default
    if name in built:
        reader.problem(step["name"], f"two effects are named {name!r}; give one of them another name")
        return default
    return name


def _setting(reader: Reader, node: yaml.Node, knob: str, param: EffectParam, sample_rate: float) -> KnobValue | None:
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


def _options_of(name: str, fx: Processor) -> dict[str, Any]:
    options = {}
    for option, value in fx.construction.items():
        value = value.item() if isinstance(value, (np.number, np.bool_)) else value
        value = list(value) if isinstance(value, tuple) else value
        if not isinstance(value, (str, int, float, bool, list, dict, type(None))):
            raise ValueError(
                f"save_chain: {name} ({type(fx).__name__}) was built with {option} = a {type(value).__name__}, which a "
                "chain file cannot hold"
            )
        options[option] = value
    return options


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, Points):
        values = _plain(name, value.values)
        values = values if isinstance(values, list) else [values]
        times = value.times or ()
        segments = (*(value.segments or ("linear",) * (len(times) - 1)), "linear")
        rows = zip(times, values, segments, strict=True)
        return {time: one if segment == "linear" else [one, segment] for time, one, segment in rows}
    value = check_kind(name, value, None)
    if not isinstance(value, Tensor):
        return float(value)
    if value.dim() and value.shape[0] != 1:
        raise ValueError(
            f"save_chain: {name} holds {value.shape[0]} items; a file holds one: give {{name: value[i:i + 1], ...}}"
        )
    numbers = value.detach().cpu().reshape(-1)
    if numbers.dtype in (torch.float32, torch.float16, torch.bfloat16):
        shortest = [float(str(np.float32(v))) for v in numbers.float().tolist()]
    else:
        shortest = [float(v) for v in numbers.tolist()]
    return shortest if value.dim() == 2 and len(shortest) > 1 else shortest[0]


class _Dumper(yaml.SafeDumper):
    """Lists of numbers on one line, mappings on lines of their own."""

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        numbers = isinstance(sequence[0], (int, float)) if sequence else True
        return super().represent_sequence(tag, sequence, flow_style=numbers)

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        return super().represent_mapping(tag, mapping, flow_style=all(isinstance(key, float) for key in mapping))
