"""The knobs of a feedback delay network."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from torch import Tensor

from ...dsp.absorption import ThreeBands
from ...params import EffectParam
from .freeze import FREEZE
from .predelay import MIX, PREDELAY

OCTAVES = (63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000)
"""Centres of the bands of ``decay="octave"``, in Hz."""

_TYPICAL_S = (1.9, 2.0, 2.0, 1.9, 1.8, 1.5, 1.2, 0.8, 0.5)
_DECAY = EffectParam(
    0.1, 20.0, 1.8, "log", "s", search="decay", doc="Time in which the reverberation falls by 60 dB (T60)."
)
THREE_BANDS = {
    "decay_s": _DECAY,
    "decay_low_ratio": EffectParam(0.3, 3.0, 1.1, "log", doc="T60 of low frequencies relative to decay_s."),
    "decay_high_ratio": EffectParam(0.1, 1.5, 0.4, "log", doc="T60 of high frequencies relative to decay_s."),
    "crossover_low_hz": EffectParam(
        50.0, 1000.0, 250.0, "log", "Hz", doc="Crossover between low and middle frequencies."
    ),
    "crossover_high_hz": EffectParam(
        1000.0, 16000.0, 5000.0, "log", "Hz", doc="Crossover between middle and high frequencies."
    ),
}
_REST = {
    "size": EffectParam(
        0.3, 2.0, 1.0, "log", doc="Length of the delay lines: 1 is 21 .. 67 ms, a hall.", automatable=False
    ),
    "predelay_ms": PREDELAY,
    "diffusion": EffectParam(
        0.0, 1.0, 0.8, doc="How soon the echoes are too dense to be heard separately.", automatable=False
    ),
    "tone": EffectParam(
        -1.0, 1.0, 0.0, doc="Tilt of the reverberation around 1 kHz: -1 dark, 1 bright, 6 dB on either side."
    ),
    "width": EffectParam(0.0, 1.0, 1.0, doc="Width of the reverberation: 0 is mono, 1 two uncorrelated sides."),
    "mix": MIX,
}
_MODULATION = {
    "mod_rate_hz": EffectParam(
        0.05, 3.0, 0.5, "log", "Hz", search="rate", doc="Rate at which the lengths of the lines are modulated."
    ),
    "mod_depth_ms": EffectParam(0.0, 1.0, 0.2, unit="ms", doc="Largest change of a length."),
}


_LEAST_OPEN = 1e-9


def octave_name(centre_hz: int) -> str:
    """The knob of an octave."""
    return f"decay_{centre_hz}hz_s"


def knobs_of(octaves: tuple[int, ...], modulation: bool, still: bool, freeze: bool) -> dict[str, EffectParam]:
    """The table, for octaves or, without any, three bands; ``still`` where no knob may move."""
    if octaves:
        decays = {
            octave_name(f): dataclasses.replace(
                _DECAY, default=s, doc=f"Time in which {f} Hz falls by 60 dB.", automatable=False
            )
            for f, s in zip(OCTAVES, _TYPICAL_S, strict=True)
            if f in octaves
        }
    else:
        decays = THREE_BANDS
    table = {**decays, **_REST, **(_MODULATION if modulation else {}), **(FREEZE if freeze else {})}
    if still:
        table = {name: dataclasses.replace(row, automatable=False) for name, row in table.items()}
    return table


def bands(knobs: Mapping[str, Tensor]) -> ThreeBands:
    """The decay that the knobs of three bands ask for, longer by 1 / (1 - freeze)."""
    bands = ThreeBands(*(knobs[name] for name in THREE_BANDS))
    if "freeze" not in knobs:
        return bands
    return bands._replace(decay_s=bands.decay_s.double() / (1 - knobs["freeze"].double() + _LEAST_OPEN))
