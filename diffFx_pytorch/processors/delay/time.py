"""What the time knob of a delay counts: milliseconds or, at a tempo, note lengths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ...dsp.interpolation import INTERPOLATIONS
from ...params import EffectParam

NOTE = EffectParam(
    1 / 16, 4.0, 0.75, "log", "beats", doc="Note length from the sound to its first echo; 1 is a quarter note."
)


@dataclass(frozen=True)
class TimeUnit:
    """The unit of a time knob.

    Args:
        name: the end of the knob's name, "ms" or "beats".
        seconds: how long one is.
    """

    name: str
    seconds: float

    def row(self, stem: str, ms: EffectParam, beats: EffectParam = NOTE) -> dict[str, EffectParam]:
        """The row of the table, ``<stem>_ms`` or ``<stem>_beats``."""
        return {f"{stem}_{self.name}": ms if self.name == "ms" else beats}

    def longest(self, owner: str, table: Mapping[str, EffectParam], knob: str, sample_rate: float) -> int:
        """Samples that hold the longest delay of a knob.

        Raises:
            ValueError: for a range that begins below one sample, in the name of ``owner``.
        """
        one_sample = 1 / (self.seconds * sample_rate)
        if table[knob].min_val < one_sample:
            raise ValueError(
                f"{owner}: {knob} begins at {table[knob].min_val:g}; a delay must be one sample or longer: from "
                f"{one_sample:g} up at this sample rate"
            )
        return math.ceil(table[knob].max_val / one_sample) + 1  # one more for the rounding of the product


def time_unit(owner: str, tempo_bpm: float | None) -> TimeUnit:
    """Milliseconds, or beats at a tempo.

    Raises:
        ValueError: for a tempo that is not positive, in the name of ``owner``.
    """
    if tempo_bpm is None:
        return TimeUnit("ms", 1e-3)
    if not 0 < tempo_bpm < math.inf:
        raise ValueError(f"{owner}: tempo_bpm must be positive, got {tempo_bpm!r}; 20 .. 300 are usual")
    return TimeUnit("beats", 60.0 / tempo_bpm)


def check_interpolation(owner: str, interpolation: str, recursive: bool = True) -> None:
    """Refuse an unknown interpolation, or the recursive all-pass where it cannot be.

    Raises:
        ValueError: with the legal ones, in the name of ``owner``.
    """
    legal = [name for name in INTERPOLATIONS if recursive or name != "allpass"]
    if interpolation not in legal:
        raise ValueError(f"{owner}: unknown interpolation {interpolation!r}; interpolations are {', '.join(legal)}")
