"""The effects of pedalboard, each a class of its own: ``pedalboard.Reverb``."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..options import Choice, Flag, Number, Option
from ..params import EffectParam
from ..processor import Processor
from .plugin import Hosted, host
from .vst3 import VST3

PREFIX = "pedalboard."
_SHORT = 0.1
"""Seconds that a filter may ring."""


class _Row(NamedTuple):
    about: str
    knobs: Mapping[str, EffectParam]
    options: Mapping[str, Option] = {}
    tail: Callable[..., float] | None = None


def _knob(low: float, high: float, default: float, unit: str, doc: str, log: bool = False) -> EffectParam:
    return EffectParam(low, high, default, "log" if log else "linear", unit, doc, automatable=False)


def _hz(default: float) -> EffectParam:
    return _knob(20.0, 20000.0, default, "Hz", "Corner or centre.", log=True)


_MIX = _knob(0.0, 1.0, 0.5, "", "Share of the wet signal.")
_FEEDBACK = _knob(0.0, 0.99, 0.0, "", "What goes round.")
_THRESHOLD = _knob(-100.0, 0.0, -20.0, "dB", "Where it begins.")
_RATIO = _knob(1.0, 100.0, 4.0, "", "How much is taken.", log=True)
_ATTACK = _knob(0.01, 500.0, 1.0, "ms", "JUCE's milliseconds: 2 pi time constants.", log=True)
_RELEASE = _knob(1.0, 5000.0, 100.0, "ms", "JUCE's milliseconds: 2 pi time constants.", log=True)
_DYNAMICS = {"threshold_db": _THRESHOLD, "ratio": _RATIO, "attack_ms": _ATTACK, "release_ms": _RELEASE}
_SHELF = {
    "cutoff_frequency_hz": _hz(440.0),
    "gain_db": _knob(-60.0, 30.0, 0.0, "dB", "Gain."),
    "q": _knob(0.1, 20.0, 0.7071, "", "Quality.", log=True),
}
_SWEEP = {
    "rate_hz": _knob(0.01, 20.0, 1.0, "Hz", "Speed of the oscillator.", log=True),
    "depth": _knob(0.0, 1.0, 0.25, "", "How far it moves."),
}
_RATE = Number(1000.0, 192000.0, 8000.0, "Hz", doc="Rate it is resampled to, and back.")


def _reverb_tail(room_size: float, freeze_mode: float, **_: float) -> float:
    """Sixty dB of the longest comb of Freeverb, without damping."""
    feedback = 0.28 * room_size + 0.7
    return math.inf if freeze_mode >= 0.5 else -3.0 * (1617 / 44100) / math.log10(feedback)


def _delay_tail(delay_seconds: float, feedback: float, mix: float) -> float:
    """The echoes down to -60 dB."""
    echoes = 1 + (3.0 / -math.log10(feedback) if feedback > 0.001 else 0.0)
    return delay_seconds * echoes if mix > 0 else 0.0


_TABLE = {
    "Bitcrush": _Row("Fewer bits.", {"bit_depth": _knob(1.0, 24.0, 8.0, "", "Bits.")}),
    "BrickwallLimiter": _Row(
        "Limiter with look-ahead.",
        {"ceiling_db": _knob(-40.0, 0.0, -1.0, "dB", "Ceiling."), "release_ms": _RELEASE},
        {"lookahead_ms": Number(0.1, 50.0, 5.0, "ms", doc="Look-ahead."), "true_peak": Flag(False, doc="True peaks.")},
    ),
    "Chorus": _Row(
        "Chorus.",
        {
            **_SWEEP,
            "centre_delay_ms": _knob(1.0, 100.0, 7.0, "ms", "Delay in the middle."),
            "feedback": _FEEDBACK,
            "mix": _MIX,
        },
    ),
    "Clipping": _Row("Hard clipping.", {"threshold_db": _knob(-60.0, 0.0, -6.0, "dB", "Ceiling.")}),
    "Compressor": _Row("Compressor with a hard knee, each channel for itself.", _DYNAMICS),
    "Delay": _Row(
        "Delay with feedback.",
        {
            "delay_seconds": _knob(0.001, 5.0, 0.5, "s", "Time of an echo.", log=True),
            "feedback": _FEEDBACK,
            "mix": _MIX,
        },
        tail=_delay_tail,
    ),
    "Distortion": _Row("Hyperbolic tangent.", {"drive_db": _knob(0.0, 60.0, 25.0, "dB", "Gain before it.")}),
    "Gain": _Row("Gain.", {"gain_db": _knob(-60.0, 40.0, 1.0, "dB", "Gain.")}),
    "HighShelfFilter": _Row("High shelf.", _SHELF),
    "HighpassFilter": _Row("High-pass of first order.", {"cutoff_frequency_hz": _hz(50.0)}),
    "Invert": _Row("Polarity.", {}),
    "LadderFilter": _Row(
        "Ladder filter.",
        {
            "cutoff_hz": _hz(200.0),
            "resonance": _knob(0.0, 1.0, 0.0, "", "Resonance."),
            "drive": _knob(1.0, 20.0, 1.0, "", "Drive."),
        },
        {"mode": Choice("LPF12", "HPF12", "BPF12", "LPF24", "HPF24", "BPF24", doc="What passes, dB an octave.")},
    ),
    "Limiter": _Row(
        "Two compressors and a clipper, which raise quiet sounds.",
        {"threshold_db": _knob(-60.0, 0.0, -10.0, "dB", "Ceiling."), "release_ms": _RELEASE},
    ),
    "LowShelfFilter": _Row("Low shelf.", _SHELF),
    "LowpassFilter": _Row("Low-pass of first order.", {"cutoff_frequency_hz": _hz(5000.0)}),
    "NoiseGate": _Row("Gate.", {**_DYNAMICS, "ratio": _knob(1.0, 100.0, 10.0, "", "How much is taken.", log=True)}),
    "PeakFilter": _Row("Peak.", _SHELF),
    "Phaser": _Row(
        "Phaser.",
        {
            **_SWEEP,
            "centre_frequency_hz": _hz(1300.0),
            "feedback": _FEEDBACK,
            "mix": _MIX,
        },
    ),
    "Resample": _Row("Resampling down and up.", {}, {"target_sample_rate": _RATE}),
    "Reverb": _Row(
        "Freeverb, for mono and stereo.",
        {
            "room_size": _knob(0.0, 1.0, 0.5, "", "How long it rings."),
            "damping": _knob(0.0, 1.0, 0.5, "", "How dark it rings."),
            "wet_level": _knob(0.0, 1.0, 0.33, "", "Level of the reverb, times 3."),
            "dry_level": _knob(0.0, 1.0, 0.4, "", "Level of the input, times 2."),
            "width": _knob(0.0, 1.0, 1.0, "", "Stereo width."),
            "freeze_mode": _knob(0.0, 1.0, 0.0, "", "From 0.5 on it never dies."),
        },
        tail=_reverb_tail,
    ),
}


@functools.cache
def hosted_effects() -> dict[str, type[Processor]]:
    """The effects of pedalboard by their names, ``pedalboard.Reverb``, and ``VST3``.

    Left out are containers and sources; ``PitchShift`` and ``GSMFullRateCompressor``, whose output depends on how the
    sound is cut into blocks; ``MP3Compressor``, which takes three rates; and ``Convolution``, which is
    ``ConvolutionReverb``.

    Raises:
        ValueError: where pedalboard is not installed.
    """
    there = host()
    found = {PREFIX + name: _class(name, row) for name, row in _TABLE.items() if hasattr(there, name)}
    return {**found, VST3.__name__: VST3}


def _class(name: str, row: _Row) -> type[Processor]:
    def made(self: Any) -> Any:
        there = host()
        options = {option: getattr(self, option) for option in row.options}
        if name == "LadderFilter":
            options["mode"] = there.LadderFilter.Mode.__members__[options["mode"]]
        return getattr(there, name)(**options)

    def tail(self: Any, **knobs: Tensor) -> float | Tensor:
        if row.tail is None:
            return _SHORT
        items = zip(*(v[:, 0, 0].tolist() for v in knobs.values()), strict=True)
        batch = [dict(zip(knobs, values, strict=True)) for values in items]
        return torch.tensor([row.tail(**values) for values in batch], dtype=torch.float64)

    about = f"``pedalboard.{name}``: {row.about} Hosted, and not differentiable."
    content = {"__doc__": about, "__module__": __name__, "params": dict(row.knobs), "options": dict(row.options)}
    return type(PREFIX + name, (Hosted,), {**content, "made": made, "tail": tail})
