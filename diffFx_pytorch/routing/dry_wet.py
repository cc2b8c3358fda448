"""An effect beside its input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..control import KnobValue
from ..dsp.whole_delay import delayed
from ..explaining import amount
from ..params import EffectParam
from ..plan import Through
from ..processor import Processor, State
from .alignment import channels_where_they_meet, refuse_combs, total
from .routing import Routing, effects_and_settings, one_effect


class DryWet(Routing):
    """An effect and its input, mixed: y = (1 - mix) x + mix fx(x).

    The dry path is delayed by the latency of the effect, so that nothing combs. A mono input to an effect that makes
    stereo of it goes dry to both sides. ``DryWet(Compressor())`` has the knobs ``compressor.ratio``, ... and ``mix``.

    Args:
        effect: named by its class in snake case.
        given: instead of ``effect``, the effect with its name, ``DryWet(comp=Compressor())``; settings, ``mix=0.5``.

    Raises:
        ValueError: for none or more than one effect, or a shaper with ``phase="minimum"``, which would comb.
        TypeError: for what is no Processor.
    """

    def __init__(self, effect: Processor | None = None, **given: Processor | KnobValue) -> None:
        named, settings = effects_and_settings(given)
        steps = one_effect("DryWet", effect, named)
        own = {"mix": EffectParam(0.0, 1.0, 1.0, doc="0 is the input, 1 the effect alone.")}
        super().__init__(steps, own, settings=settings)
        ((self._name, fx),) = steps.items()
        self.neutral = {"mix": 0.0}
        self.latency_samples = fx.latency_samples
        paths = {"dry": None, **steps}
        refuse_combs("DryWet", paths)
        self.channels, self.channels_out = channels_where_they_meet("DryWet", paths)

    def prepare(self) -> None:
        """The mixture comes after the effect."""
        ((_, fx),) = self._effects()
        self.read_knobs_at({"mix": fx.latency_samples})

    def process(
        self, x: Tensor, state: State, sidechain: Tensor | None = None, *, mix: Tensor, effects: Mapping[str, Through]
    ) -> tuple[Tensor, State]:
        """The input, as late as the effect, and the effect."""
        state = {"dry": None, "wet": None} if state is None else state
        wet, new_wet = effects[self._name](x, state["wet"], sidechain)
        dry, line = delayed(x, self.latency_samples, state["dry"])
        return total([(1 - mix) * dry, mix * wet]), {"dry": line, "wet": new_wet}

    def told_first(self, values: Mapping[str, Any]) -> str:
        """The mixture."""
        return f"mixed in at {amount(self.params['mix'], values['mix'])}"

    def tail(self, **knobs: Tensor) -> float | Tensor:
        """The effect's."""
        return self._tail_of(self._name, knobs)
