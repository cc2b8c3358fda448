"""An effect beside its input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..dsp.whole_delay import delayed
from ..explaining import amount
from ..params import EffectParam
from ..plan import Through
from ..processor import State
from .alignment import total
from .beside import Beside


class DryWet(Beside):
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

    neutral = {"mix": 0.0}
    own = {"mix": EffectParam(0.0, 1.0, 1.0, doc="0 is the input, 1 the effect alone.")}

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
