"""An effect that is added to its input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..dsp.levels import db_to_amp
from ..dsp.whole_delay import delayed
from ..explaining import amount
from ..params import EffectParam
from ..plan import Through
from ..processor import State
from .alignment import total
from .beside import NEVER_SILENT, Beside


class Send(Beside):
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

    exempt = NEVER_SILENT
    own = {"send_db": EffectParam(-60.0, 12.0, -12.0, unit="dB", doc="Level of what the effect is sent.")}

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
