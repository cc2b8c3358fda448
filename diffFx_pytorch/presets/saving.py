"""Writing chain files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from ..automation import Points, read_points
from ..control import Knobs, KnobValue, as_dict, check_kind
from ..processor import Processor
from ..registry import available
from ..render.atomic import replacing
from ..routing import Chain, DryWet, Ducked, Keyed, MidSide, MultiBand, Parallel, Send
from .chain_file import VERSION, ChainFile
from .limits import Limit, as_plain
from .steps import own_knobs


def save_chain(
    path: str | os.PathLike[str],
    chain: Chain,
    dsp_params: Knobs | None = None,
    about: str = "",
    limits: Mapping[str, Limit] | None = None,
) -> None:
    """Write a chain and its settings as a chain file; ``load_chain(path).build(rate)`` gives them back exactly.

    Every knob is written, defaults too, so that the file means the same when a default changes. A number is written
    in the fewest digits that give the same value in its own precision (a float32 0.1 as 0.1).

    Args:
        path: of the file, replaced in one step.
        chain: effects of the registry.
        dsp_params: settings in physical units, one item: numbers, tensors 0-d, (1,) or (1, F), or
            ``{time_s: value}``.
        about: what the chain does, a sentence.
        limits: of the file's ``fit`` block: by name of a knob, what a fit may do with it.

    Raises:
        ValueError: for a batch of settings, or a chain that a file cannot say.
    """
    text = dump_chain(chain, dsp_params, about, limits)
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def dump_chain(
    chain: Chain, dsp_params: Knobs | None = None, about: str = "", limits: Mapping[str, Limit] | None = None
) -> str:
    """The text of a chain file; arguments and errors as for ``save_chain``."""
    given = {**chain.settings, **as_dict({} if dsp_params is None else dsp_params, chain.params)}
    said = {"about": about} if about else {}
    limited = {"fit": as_plain(limits)} if limits else {}
    text = as_text({"version": VERSION, **said, "chain": steps_of(chain, given), **limited})
    ChainFile(text, "save_chain").build(chain.sample_rate)
    return text


def as_text(content: Mapping[str, Any]) -> str:
    """Plain content as YAML, in its order."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def steps_of(chain: Chain, given: Mapping[str, KnobValue], path: str = "") -> list[dict[str, Any]]:
    """The steps of a chain with settings whose names begin with ``path``; errors as of ``save_chain``."""
    return [_step(name, fx, given, f"{path}{name}.") for name, fx in chain.steps.items()]


def _step(name: str, fx: Processor, given: Mapping[str, KnobValue], path: str) -> dict[str, Any]:
    """A processor as a step of a file; ``path`` is what the names of its knobs begin with in ``given``."""
    step, own = _inner(fx, given, path), own_knobs(fx)
    if "effect" in step and available().get(type(fx).__name__) is not type(fx):
        raise ValueError(f"save_chain: {path[:-1]} is a {type(fx).__name__}, which is no effect of the registry")
    step["name"] = name
    if options := _options_of(name, fx):
        step["options"] = options
    if "effect" in step and (ranges := _ranges_of(fx)):
        step["ranges"] = ranges
    if own:
        step["params"] = {knob: plain(path + knob, given.get(path + knob, row.default)) for knob, row in own.items()}
    return step


def _inner(fx: Processor, given: Mapping[str, KnobValue], path: str) -> dict[str, Any]:
    """What kind of step a processor is, with the effects in it."""
    if isinstance(fx, Chain):
        return {"chain": steps_of(fx, given, path)}
    if isinstance(fx, MultiBand):
        step = _step("band", fx["band_1"], {}, "")
        return {"multi_band": {key: value for key, value in step.items() if key != "params"}}
    if isinstance(fx, (DryWet, Ducked, Keyed, Send)):
        ((name, inner),) = fx.steps.items()
        kind = {DryWet: "dry_wet", Ducked: "ducked", Keyed: "keyed", Send: "send"}[type(fx)]
        return {kind: _step(name, inner, given, f"{path}{name}.")}
    if isinstance(fx, (Parallel, MidSide)):
        branches = fx.branches if isinstance(fx, Parallel) else tuple(fx.steps)
        paths: dict[str, Any] = dict.fromkeys(branches)
        for name, inner in fx.steps.items():
            paths[name] = {k: v for k, v in _step(name, inner, given, f"{path}{name}.").items() if k != "name"}
        return {"parallel" if isinstance(fx, Parallel) else "mid_side": paths}
    return {"effect": type(fx).__name__}


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


def _ranges_of(fx: Processor) -> dict[str, list[Any]]:
    """Ranges of knobs that the constructor was given, where they are not those of the class at this rate."""
    usual, ranges = type(fx)(fx.sample_rate, **fx.construction).params, {}
    for knob, row in fx.params.items():
        was = usual[knob]
        if (row.min_val, row.max_val, row.curve) != (was.min_val, was.max_val, was.curve):
            ranges[knob] = [row.min_val, row.max_val, *([row.curve] if row.curve != was.curve else [])]
    return ranges


def plain(name: str, value: Any) -> Any:
    """What a knob is set to, as a file says it.

    Raises:
        ValueError: for a batch of values.
        TypeError: for what is no value of a knob.
    """
    if isinstance(value, Mapping):
        value = read_points(name, value)
    if isinstance(value, Points):
        values = plain(name, value.values)
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
