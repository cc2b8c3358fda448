"""Constructions that the table of options makes: together they have every value that no variant has."""

from __future__ import annotations

import math
from typing import Any

import torch

from diffFx_pytorch.options import Choice, Flag, Integer, Number, Option

_DECAY = torch.logspace(-1, -4, 500, dtype=torch.float64)
EXAMPLES = {"ir": torch.stack([_DECAY * torch.arange(500).mul(k).cos() for k in (1.3, 2.9)]), "num_taps": 33}
"""By option of the kind Given, or whose twin is slow: a value, for an effect whose variants have none."""
NEEDS = {
    "phase": {"oversampling": 2},
    "rms_ms": {"detector": "rms"},
    "quantile": {"noise": "quantile"},
    "envelope_ms": {"formants": "keep"},
    "seed": {"matrix": "random orthogonal"},
    "num_taps": {"crossover": "linear-phase"},
    "ir_rate": {"ir": EXAMPLES["ir"][:1]},
    "learnable": {"ir": EXAMPLES["ir"][:1]},
}
"""By option: what another one must be for the first to matter, where an effect has both."""
ALONE = {"direction", "topology"}
"""Options that do not go with values of others which could be tried along with them."""
LEFT_OUT = {
    "ConvolutionReverb.learnable=True": "makes the response a parameter, heard only by its rounding to float32",
    "ConvolutionReverb.ir_rate": "the twin does not resample",
    "Cabinet.learnable=True": "makes the response a parameter, heard only by its rounding to float32",
    "Cabinet.ir_rate": "the twin does not resample",
    "PitchCorrection.note_ms": "holds a note through a vibrato, and the pitches of noise are all leaps",
    "RotarySpeaker.inertia_s": "heard only of speeds that change, which no twin has",
    "Meter.loudness=False": "read from the state, and not heard",
    "Meter.true_peak=False": "read from the state, and not heard",
    "Meter.spectrum=True": "read from the state, and not heard",
}
"""By effect, option and, for a choice or a flag, value: why it is not compared with the twin."""


def other_value(option: Option, label: str) -> Any:
    """A value of a number or a Given that is not the default."""
    if label.split(".")[1] in EXAMPLES:
        return EXAMPLES[label.split(".")[1]]
    if isinstance(option, Integer):
        return option.default + (option.step if option.default < option.max_val else -option.step)
    if isinstance(option, Number):
        default = option.default
        return math.sqrt(option.min_val * option.max_val) if default is None else 0.6 * default or 2.0
    raise AssertionError(f"a variant must give {label}, for no value can be made from {option.legal()}")


def untried(cls: type) -> dict[str, dict[str, Any]]:
    """By option: the values that no variant has, by label; of a number or a Given one, if no variant gives any."""
    values = {}
    for name, option in cls.options.items():
        if name == "control_period":
            continue  # of the base, and of knobs that move, which no twin has: test_control.py
        given, label = [variant[name] for variant in cls.variants if name in variant], f"{cls.__name__}.{name}"
        if isinstance(option, (Choice, Flag)):
            every = option.values if isinstance(option, Choice) else (True, False)
            values[name] = {f"{label}={v}": v for v in every if v != option.default and v not in given}
        else:
            values[name] = {} if given else {label: other_value(option, label)}
    return values


def construction(cls: type, tried: dict[str, Any]) -> dict[str, Any]:
    """The first variant with the values tried and what they need."""
    needed = {k: v for name in tried for k, v in NEEDS.get(name, {}).items() if k in cls.options}
    return {**cls.variants[0], **needed, **tried}


def derived(cls: type) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
    """Constructions with the options they are there for: number k has the k-th untried value of every option.

    Those of ``ALONE`` are tried by themselves.
    """
    waiting = {
        name: [value for label, value in values.items() if label not in LEFT_OUT]
        for name, values in untried(cls).items()
    }
    rows = [{name: value} for name in sorted(ALONE & waiting.keys()) for value in waiting.pop(name)]
    rows += [
        {name: values[k] for name, values in waiting.items() if k < len(values)}
        for k in range(max(map(len, waiting.values()), default=0))
    ]
    return [(construction(cls, tried), tuple(tried)) for tried in rows]
