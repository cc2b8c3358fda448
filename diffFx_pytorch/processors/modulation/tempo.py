"""Oscillators that a tempo turns from a rate in Hz into turns of a note length."""

from __future__ import annotations

from torch import Tensor

from ...params import EffectParam
from ...processor import Processor

PERIOD = EffectParam(1 / 16, 32.0, 1.0, "log", "beats", doc="Note length of a turn of the oscillator; 1 is a quarter.")


class InTempo(Processor, abstract=True):
    """Base of the effects with a slow oscillator: given ``tempo_bpm``, ``rate_hz`` becomes ``period_beats``.

    A subclass has both ``rate_hz`` in its table and ``tempo_bpm`` in its options, and is written for the rate alone.
    """

    heard_as = {"period_beats": "rate_hz"}

    def table(self) -> dict[str, EffectParam]:
        """The class's table, its rate as a note length where there is a tempo."""
        rows = type(self).params.items()
        if self.tempo_bpm is None:
            return dict(rows)
        return dict(("period_beats", PERIOD) if name == "rate_hz" else (name, row) for name, row in rows)

    def clauses(self) -> tuple[str, ...]:
        """``words``, which are written for the rate alone."""
        if self.tempo_bpm is None:
            return self.words
        return tuple(clause.replace("at {rate_hz}", "every {period_beats}") for clause in self.words)

    def heard(self, knobs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The rate in Hz."""
        if self.tempo_bpm is None:
            return knobs
        beats_a_second = self.tempo_bpm / 60
        rate = {"rate_hz": beats_a_second / knobs["period_beats"]}
        return rate | {name: knob for name, knob in knobs.items() if name != "period_beats"}
