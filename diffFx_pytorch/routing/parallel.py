"""Effects side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..control import KnobValue
from ..dsp.levels import db_to_amp
from ..explaining import amount
from ..params import EffectParam
from ..plan import Through
from ..processor import Processor, State
from .alignment import channels_where_they_meet, refuse_combs, total
from .routing import Routing, effects_and_settings, longest, named_effects, without_wires

_QUIETEST = -60.0


class Parallel(Routing):
    """Effects side by side on one input, summed: y = sum_i 10^(level_i / 20) fx_i(x).

    ``Parallel(dry=None, crushed=Compressor())`` has the knobs ``crushed.ratio``, ... and a level for each branch,
    ``dry_level_db`` and ``crushed_level_db``. Branches are delayed to the latency of the slowest. Where branches differ
    in channels, mono ones go to every channel.

    Args:
        effects: named by their class in snake case, numbered where it occurs again.
        given: effects with their names, after the unnamed ones; None is a wire, the input itself. Values are settings,
            ``crushed_level_db=-6``.

    Raises:
        ValueError: for no effects, effects of different sample rates or that share no number of channels, or names that
            are not identifiers; for a shaper with ``phase="minimum"`` beside a wire, which would comb.
        TypeError: for what is no Processor.
    """

    def __init__(self, *effects: Processor, **given: Processor | KnobValue | None) -> None:
        named, settings = effects_and_settings(given)
        branches = named_effects("Parallel", effects, named, wires=True)
        steps = without_wires(branches)
        if not steps:
            raise ValueError("Parallel: needs at least one effect beside the wires")
        levels = {
            f"{name}_level_db": EffectParam(_QUIETEST, 12.0, 0.0, unit="dB", doc=f"Level of {name} in the sum.")
            for name in branches
        }
        super().__init__(steps, levels, settings=settings)
        self.branches = tuple(branches)
        self.latency_samples = max(fx.latency_samples for fx in steps.values())
        self.read_knobs_at(dict.fromkeys(levels, self.latency_samples))
        refuse_combs("Parallel", branches)
        self.channels, self.channels_out = channels_where_they_meet("Parallel", branches)
        share = -20 * math.log10(len(branches))
        neutral = self._neutral_of_effects()
        self.neutral = {} if neutral is None or share < _QUIETEST else {**neutral, **dict.fromkeys(levels, share)}

    def process(
        self,
        x: Tensor,
        state: State,
        sidechain: Tensor | None = None,
        *,
        effects: Mapping[str, Through],
        **levels: Tensor,
    ) -> tuple[Tensor, State]:
        """Every branch, as late as the slowest, summed."""
        outputs, new_state = [], {}
        for name in self.branches:
            y, new_state[name] = self.aligned(name, x, None if state is None else state[name], sidechain, effects)
            outputs.append(y * db_to_amp(levels[f"{name}_level_db"]))
        return total(outputs), new_state

    def told_first(self, values: Mapping[str, Any]) -> str:
        """Nothing but that."""
        return "beside each other, added up"

    def label(self, name: str, values: Mapping[str, Any]) -> str:
        """With the level in the sum."""
        level = f"{name}_level_db"
        return f"{name} at {amount(self.params[level], values[level])}"

    def told_besides(self, values: Mapping[str, Any]) -> list[str]:
        """The wires."""
        wires = (name for name in self.branches if name not in self.steps)
        return [f"{self.label(name, values)}: the input as it is" for name in wires]

    def tail(self, **knobs: Tensor) -> float | Tensor:
        """The longest of the branches."""
        return longest([self._tail_of(name, knobs) for name, _ in self._effects()])
