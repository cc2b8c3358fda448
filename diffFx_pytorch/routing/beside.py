"""What the routings share that put one effect beside its input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from ..control import KnobValue
from ..params import EffectParam
from ..processor import Processor
from .alignment import channels_where_they_meet, refuse_combs
from .routing import Routing, effects_and_settings, one_effect

NEVER_SILENT = {"neutral": "a level in dB is never zero; DryWet has a neutral setting"}
"""What a routing is exempt from whose effect is added to the input."""


class Beside(Routing, abstract=True):
    """Base of one effect beside its input, which is as late; a subclass gives its own knobs, and ``process``.

    Args:
        effect: named by its class in snake case.
        given: instead of ``effect``, the effect with its name; settings of knobs.

    Raises:
        ValueError: for none or more than one effect, or a shaper with ``phase="minimum"``, which would comb.
        TypeError: for what is no Processor.
    """

    own: ClassVar[Mapping[str, EffectParam]]

    def __init__(self, effect: Processor | None = None, **given: Processor | KnobValue) -> None:
        owner = type(self).__name__
        named, settings = effects_and_settings(given)
        steps = one_effect(owner, effect, named)
        super().__init__(steps, self.own, settings=settings)
        ((self._name, fx),) = steps.items()
        self.latency_samples = fx.latency_samples
        paths = {"dry": None, **steps}
        refuse_combs(owner, paths)
        self.channels, self.channels_out = channels_where_they_meet(owner, paths)

    def prepare(self) -> None:
        """Its own knobs act behind the effect, but what the effect is sent."""
        ((_, fx),) = self._effects()
        self.read_knobs_at({name: 0 if name == "send_db" else fx.latency_samples for name in self.own})

    def tail(self, **knobs: Tensor) -> float | Tensor:
        """The effect's."""
        return self._tail_of(self._name, knobs)
