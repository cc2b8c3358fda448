"""Effects by the names that people use for them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..control import unknown_name
from ..processor import Processor
from ..registry import built, effects, family
from .knobs import unsearched

ALIASES = {
    "eq": "ParametricEqualizer",
    "equalizer": "ParametricEqualizer",
    "equaliser": "ParametricEqualizer",
    "comp": "Compressor",
    "gate": "NoiseGate",
    "distortion": "TanH",
    "saturation": "TanH",
    "drive": "Overdrive",
    "fuzz": "HardClip",
    "clipper": "HardClip",
    "delay": "FeedbackDelay",
    "echo": "FeedbackDelay",
    "reverb": "SchroederReverb",
    "plate": "PlateReverb",
    "pan": "StereoPanning",
    "width": "StereoWidener",
    "bitcrusher": "BitCrusher",
    "volume": "Gain",
}
"""What people call the most usual effect of a kind."""

USUAL = ("eq", "compressor", "distortion", "delay", "chorus", "phaser", "tremolo", "reverb")
"""What ``usual`` stands for."""
_ANY = "any-"


def candidates(names: Iterable[str], sample_rate: float, channels: int | None = None) -> list[Processor]:
    """Build the effects that names stand for, each once, with the settings they have by default.

    Args:
        names: of effects in any case (``"Compressor"``, ``"feedback-delay"``), their ``ALIASES``, ``"any-delay"`` for
            every effect of a family, ``"usual"`` for the eight of ``USUAL``.
        sample_rate: in Hz.
        channels: effects of a whole family that do not take so many are left out.

    Raises:
        ValueError: for a name that stands for nothing, with the nearest that does.
    """
    known = effects()
    words = {_word(name): name for name in known} | ALIASES
    families: dict[str, list[str]] = {}
    for name, cls in known.items():
        families.setdefault(family(cls), []).append(name)
    chosen: dict[str, bool] = {}
    for name in names:
        for part in USUAL if _word(name) == "usual" else (name,):
            if (kind := part.strip().lower().removeprefix(_ANY)) in families and part.strip().lower() != kind:
                for member in families[kind]:
                    chosen.setdefault(member, True)
            elif _word(part) in words:
                chosen[words[_word(part)]] = False
            else:
                legal = [*ALIASES, *known, "usual", *(_ANY + f for f in families)]
                raise ValueError(unknown_name(part, legal, "effect"))
    found = []
    for name, optional in chosen.items():
        try:
            fx = built(known[name], sample_rate)  # type: ignore[arg-type]  # rates are whole numbers or not
        except ValueError:
            if not optional:
                raise
            continue
        searched = set(fx.params) - unsearched(fx)
        if not optional or (searched and (channels is None or fx.channels is None or channels in fx.channels)):
            found.append(fx)
    return found


def _word(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
