"""What can be put into a rack: effects with their families, words, knobs and options, as plain values."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from .. import registry
from ..cli.catalogue import in_words
from ..explaining import in_words as spaced
from ..options import Choice, Flag, Integer, Number, Option
from ..params import EffectParam
from ..presets import presets
from ..presets.chain_file import ChainFile
from .edits import WRAPS

_ROUTINGS = {
    "parallel": "Paths side by side, each with its level, summed.",
    "dry_wet": "An effect mixed with its input.",
    "send": "The sound as it is, and an effect beside it that is sent some of it.",
    "ducked": "A send whose return goes down while the sound is there: reverbs and delays that stay out of the way.",
    "mid_side": "Effects on the middle and on the sides.",
    "multi_band": "An effect in each of several bands.",
    "chain": "Effects one after another, as one.",
}


@functools.cache
def catalogue() -> dict[str, Any]:
    """Effects, routings and presets."""
    effects = [
        {"name": name, "family": registry.family(cls), "about": in_words(cls.about), "label": label(name)}
        for name, cls in sorted(registry.effects().items())
    ]
    routings = [
        {"name": kind, "family": "routing", "about": _ROUTINGS[kind], "label": kind.replace("_", "/").capitalize()}
        for kind in WRAPS
    ]
    factory = [
        {"name": name, "about": ChainFile(path.read_text(encoding="utf-8")).about} for name, path in presets().items()
    ]
    return {"effects": effects + routings, "presets": factory}


def label(name: str) -> str:
    """The name of an effect as words: ``ParametricEqualizer`` is "Parametric Equalizer", ``FDNReverb`` "FDN Reverb"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name.rpartition(".")[2])


def knob_row(name: str, row: EffectParam) -> dict[str, Any]:
    """A knob as plain values."""
    return {
        "name": name,
        "label": spaced(name),
        "min": row.min_val,
        "max": row.max_val,
        "default": row.default,
        "curve": row.curve,
        "unit": row.unit,
        "doc": row.doc,
        "automatable": row.automatable,
    }


def option_rows(options: Mapping[str, Option]) -> list[dict[str, Any]]:
    """The options that a person can choose, as plain values."""
    rows = []
    for name, option in options.items():
        if name == "control_period":
            continue
        said: dict[str, Any] = {"name": name, "label": spaced(name), "doc": option.doc, "legal": option.legal()}
        if isinstance(option, Choice):
            said |= {"kind": "choice", "values": list(option.values), "default": option.default}
        elif isinstance(option, Flag):
            said |= {"kind": "flag", "default": option.default}
        elif isinstance(option, (Integer, Number)):
            step = option.step if isinstance(option, Integer) else "any"
            ends = {"min": option.min_val, "max": option.max_val}
            unit = option.unit if isinstance(option, Number) else ""
            said |= {"kind": "number", "unit": unit, **ends, "step": step, "default": option.default}
        else:
            plain = option.default if isinstance(option.default, (str, int, float, list, type(None))) else None
            said |= {"kind": "given", "default": plain}
        rows.append(said)
    return rows
