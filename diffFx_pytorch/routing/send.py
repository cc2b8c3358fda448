"""An effect that is added to its input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..control import KnobValue
from ..dsp.levels import db_to_amp
from ..dsp.whole_delay import delayed
from ..explaining import amount
from ..params import EffectParam
from ..plan import Through
from ..processor import Processor, State
from .alignment import channels_where_they_meet, refuse_combs, total
from .routing import Routing, effects_and_settings, one_effect


class Send(Routing):
    """A send and its return: y = x + fx(10^(send / 20) x).

    The dry signal stays as it is; the effect gets the send. Its latency is made good on the dry path. A mono input to
    an effect that makes stereo of it goes dry to both sides. ``Send(Reverb())`` has the knobs ``reverb.decay_s``, ...
    and ``send_db``.

    Args:
        effect: named by its class in snake case; its own dry signal should be off.
        given: instead of ``effect``, the effect with its name, ``Send(room=Reverb())``; settings, ``send_db=-6``.

    Raises:
        ValueError: for none or more than one effect, or a shaper with ``phase="minimum"``, which would comb.
        TypeError: for what is no Processor.
    """

    exempt = {"neutral": "a level in dB is never zero; DryWet has a neutral setting"}

    def __init__(self, effect: Processor | None = None, **given: Processor | KnobValue) -> None:
        named, settings = effects_and_settings(given)
        steps = one_effect("Send", effect, named)
        own = {"send_db": EffectParam(-60.0, 12.0, -12.0, unit="dB", doc="Level of what the effect is sent.")}
        super().__init__(steps, own, settings=settings)
        ((self._name, fx),) = steps.items()
        self.latency_samples = fx.latency_samples
        paths = {"dry": None, **steps}
        refuse_combs("Send", paths)
        self.channels, self.channels_out = channels_where_they_meet("Send", paths)

    def prepare(self) -> None:
        """The send comes before the effect."""
        self.read_knobs_at({})

    def process(
        self,
        x: Tensor,
        state: State,
        sidechain: Tensor | None = None,
        *,
        send_db: Tensor,
        effects: Mapping[str, Through],
    ) -> tuple[Tensor, State]:
        """The input, as late as the effect, and the return."""
        state = {"dry": None, "wet": None} if state is None else state
        wet, new_wet = effects[self._name](x * db_to_amp(send_db), state["wet"], sidechain)
        dry, line = delayed(x, self.latency_samples, state["dry"])
        return total([dry, wet]), {"dry": line, "wet": new_wet}

    def told_first(self, values: Mapping[str, Any]) -> str:
        """The level of the send."""
        return f"sent at {amount(self.params['send_db'], values['send_db'])}, beside the input"

    def tail(self, **knobs: Tensor) -> float | Tensor:
        """The effect's."""
        return self._tail_of(self._name, knobs)
