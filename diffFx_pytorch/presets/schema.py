"""JSON Schema of chain files, from the tables of the registered effects: editors complete and check with it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Mapping
from typing import Any

from ..automation import SEGMENTS
from ..options import Choice, Flag, Integer, Number, Option, Share
from ..params import EffectParam
from ..processor import Processor
from ..registry import available, built, effects
from ..routing import DryWet, Ducked, MidSide, MultiBand, Parallel, Send
from .limits import schema as limits_schema
from .steps import KINDS, VERSION
from .values import FASTEST, SLOWEST

DRAFT = "http://json-schema.org/draft-07/schema#"
_WIDEST_RATE = 192000.0
_NUMBER = r"^[+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"

Schema = dict[str, Any]


def chain_schema() -> Schema:
    """The schema of a chain file, draft 7: every effect that is registered, with its knobs, options and their ranges.

    Knobs that depend on options are taken together: a schema cannot say that ``peak_4_gain_db`` needs ``num_peaks: 4``.
    """
    top = {
        "version": {"const": VERSION, "description": "Of the format."},
        "about": {"type": "string", "description": "What the chain does, a sentence."},
        "tempo_bpm": tempo_schema(),
        "chain": steps_schema(),
        "fit": limits_schema(),
    }
    return {
        "$schema": DRAFT,
        "title": "Chain file of diffFx_pytorch",
        **closed(top, ("version", "chain")),
        "definitions": definitions(),
    }


def definitions() -> Schema:
    """What chain files and session files share: steps, ways of moving, and a definition for each effect."""
    known = {}
    for name, cls in sorted(available().items()):
        try:
            known[name] = cls, *_knobs(cls)
        except (ValueError, TypeError) as error:
            warnings.warn(f"the schema leaves {name} out: {error}", stacklevel=3)
    found: Schema = {"step": _step(known), "part": _part()}
    for name, (cls, knobs, patterns) in known.items():
        own = closed({k: knob(row) for k, row in knobs.items()}, patterns=patterns)
        found[f"{name}.params"] = {"type": "object"} if name == "VST3" else own
        found[f"{name}.options"] = _options(cls.options)
    return found


def steps_schema() -> Schema:
    """A list of steps."""
    return {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/step"}}


def tempo_schema() -> Schema:
    """The tempo of a file."""
    return {"type": "number", "minimum": SLOWEST, "maximum": FASTEST, "description": "Beats per minute."}


def closed(properties: Schema, required: tuple[str, ...] = (), patterns: Schema | None = None) -> Schema:
    """An object of these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        **({"patternProperties": patterns} if patterns else {}),
        **({"required": [*required]} if required else {}),
        "additionalProperties": False,
    }


def knob(row: EffectParam) -> Schema:
    """What a knob may be set to: a number, and where it may move points, evenly spread, in time or of a file."""
    default = f"default {row.default:g} {row.unit}".rstrip()
    about = f"{row.doc} {row.range_text()}, {default}.".strip()
    number = {"type": "number", "minimum": row.min_val, "maximum": row.max_val}
    if not row.automatable:
        return {**number, "default": row.default, "description": about}
    placed = {
        "anyOf": [number, {"type": "array", "items": [number, {"enum": [*SEGMENTS]}], "minItems": 2, "maxItems": 2}]
    }
    timed = {
        "type": "object",
        "patternProperties": {_NUMBER: placed},
        "additionalProperties": False,
        "minProperties": 1,
    }
    ways = [
        number,
        {"type": "array", "items": number, "minItems": 1},
        timed,
        closed({"beats": timed}, ("beats",)),
        closed({"csv": {"type": "string"}}, ("csv",)),
    ]
    return {"anyOf": ways, "default": row.default, "description": about}


def _step(known: Collection[str]) -> Schema:
    """A step: of an effect, with its knobs and options, or a routing."""
    part, steps = {"$ref": "#/definitions/part"}, steps_schema()
    branches = {"type": "object", "minProperties": 1, "additionalProperties": {"anyOf": [part, {"type": "null"}]}}
    kinds = {
        "effect": {"enum": [*known], "description": "Name, as `difffx list` shows it."},
        "vst3": {"type": "string", "description": "Path of a VST3 plugin, hosted by pedalboard."},
        "preset": {"type": "string", "description": "Factory preset or chain file."},
        "chain": steps,
        "parallel": branches,
        "dry_wet": part,
        "send": part,
        "ducked": part,
        "mid_side": closed({"mid": branches["additionalProperties"], "side": branches["additionalProperties"]}),
        "multi_band": part,
        "keyed": part,
    }
    mix = _own(DryWet)["mix"]
    others = {
        "name": {
            "type": "string",
            "pattern": "^[^\\W\\d]\\w*$",
            "description": "Of the step; its knobs begin with it.",
        },
        "mix": {**knob(mix), "description": "Share of the step beside its input."},
        "sidechain": {"type": "string", "description": "Sound file that keys the step, beside the chain file."},
        "bypass": {"type": "boolean", "description": "Checked, and left out."},
        "options": {"type": "object"},
        "ranges": {
            "type": "object",
            "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 3},
            "description": "Of knobs whose range is another than usual: [min, max] or [min, max, curve].",
        },
        "params": {"type": "object"},
    }
    cases = [
        _case("effect", {"const": name}, {"params": f"{name}.params", "options": f"{name}.options"}) for name in known
    ]
    routings = {"dry_wet": _own(DryWet), "send": _own(Send), "ducked": _own(Ducked)}
    routings |= {"mid_side": _own(MidSide), "chain": {}, "preset": {}}
    for kind, own in routings.items():
        then = {"params": closed({name: knob(row) for name, row in own.items()}), "options": False}
        cases.append({"if": {"required": [kind]}, "then": {"properties": then}})
    level = next(iter(_own(Parallel).values()))
    cases.append(
        {
            "if": {"required": ["parallel"]},
            "then": {"properties": {"params": closed({}, patterns={"_level_db$": knob(level)}), "options": False}},
        }
    )
    bands = closed({}, patterns={r"^(band_\d+\..+|crossover_\d+_hz)$": {}})
    then = {"params": bands, "options": _options(MultiBand.options)}
    cases.append({"if": {"required": ["multi_band"]}, "then": {"properties": then}})
    then = {"params": closed({}), "options": closed({"key": {"type": "string"}}, ("key",))}
    cases.append({"if": {"required": ["keyed"]}, "then": {"properties": then}})
    number = {"type": "object", "additionalProperties": {"type": "number"}}
    cases.append({"if": {"required": ["vst3"]}, "then": {"properties": {"params": number}}})
    return {
        **closed({**kinds, **others}),
        "oneOf": [{"required": [kind]} for kind in KINDS],
        "allOf": cases,
    }


def _part() -> Schema:
    """A step, or a list of them."""
    return {"anyOf": [{"$ref": "#/definitions/step"}, steps_schema()]}


def _case(key: str, value: Schema, then: Mapping[str, str]) -> Schema:
    named = {name: {"$ref": f"#/definitions/{target}"} for name, target in then.items()}
    return {"if": {"properties": {key: value}, "required": [key]}, "then": {"properties": named}}


def _own(routing: Any) -> dict[str, EffectParam]:
    """The knobs that a routing has besides those of its effects."""
    gain = effects()["Gain"]
    built = (
        routing(gain())
        if routing in (DryWet, Ducked, Send)
        else routing(**{"mid" if routing is MidSide else "a": gain()})
    )
    return {name: row for name, row in built.params.items() if "." not in name}


def _knobs(cls: type[Processor]) -> tuple[dict[str, EffectParam], Schema]:
    """The knobs of an effect over its constructions, and patterns for those that an option counts."""
    constant = cls.table is Processor.table
    table: dict[str, EffectParam] = dict(built(cls, _WIDEST_RATE).params)
    if constant:
        return table, {}
    for options in (*cls.variants, *({name: 120.0} for name in cls.options if name == "tempo_bpm")):
        for name, row in cls(_WIDEST_RATE, **options).params.items():
            table.setdefault(name, row)
    counted = any(isinstance(option, Integer) and name.startswith("num_") for name, option in cls.options.items())
    patterns: Schema = {}
    for name, row in table.items() if counted or "bands" in cls.options else ():
        if (pattern := "^" + re.sub(r"_\d+", r"_\\d+", name.replace(".", r"\.")) + "$") != f"^{name}$":
            patterns.setdefault(pattern, knob(row))
    return table, patterns


def _options(table: Mapping[str, Option]) -> Schema:
    return closed({name: _option(option) for name, option in table.items()})


def _option(option: Option) -> Schema:
    about = {"description": f"{option.doc} {option.legal()}."}
    if isinstance(option, Choice):
        return {"enum": [*option.values], **about}
    if isinstance(option, Flag):
        return {"type": "boolean", **about}
    if isinstance(option, Integer):
        step = {"multipleOf": option.step} if option.step > 1 else {}
        return {"type": "integer", "minimum": option.min_val, "maximum": option.max_val, **step, **about}
    if isinstance(option, Number):
        kinds = ["number", "null"] if option.optional else "number"
        if isinstance(option, Share):
            kinds = ["number", "boolean"]
        return {"type": kinds, "minimum": option.min_val, "maximum": option.max_val, **about}
    return about
