"""An effect that is added to its input, and makes way for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..dsp.ballistics import smoothing
from ..dsp.levels import amp_to_db, db_to_amp
from ..dsp.whole_delay import delayed
from ..explaining import amount
from ..params import EffectParam
from ..plan import Through
from ..processor import State
from ..processors.dynamics.key import PeakLevel
from ..recursion import attack_release
from .alignment import total
from .beside import NEVER_SILENT, Beside

_KNEE_DB = 12.0
"""From the threshold to where all of the ducking is reached."""


class Ducked(Beside):
    """A send whose return makes way for the sound: y = x + 10^(-duck z / 20) fx(10^(send / 20) x).

    With L the peaks of the input over the last 10 ms in dB, of its loudest channel, z follows
    min(max((L - T) / 12 dB, 0), 1), rising with the time constant of the attack and falling with that of the release:
    nothing below the threshold T, all of ``duck_db`` 12 dB above it. So reverbs and delays stay behind the words, and
    fill the gaps between them. The latency of the effect is made good on the dry path, and for the level.
    ``Ducked(Reverb(mix=1))`` has the knobs ``reverb.decay_s``, ... and those of its own.

    Args:
        effect: named by its class in snake case; its own dry signal should be off.
        given: instead of ``effect``, the effect with its name, ``Ducked(room=Reverb())``; settings, ``duck_db=12``.

    Raises:
        ValueError: for none or more than one effect, or a shaper with ``phase="minimum"``, which would comb.
        TypeError: for what is no Processor.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, sections 4.2 (dynamics) and 4.3 (side
        chains).
    """

    exempt = NEVER_SILENT
    own = {
        "send_db": EffectParam(-60.0, 12.0, -6.0, unit="dB", doc="Level of what the effect is sent."),
        "duck_db": EffectParam(0.0, 36.0, 9.0, unit="dB", doc="How far the return goes down while the sound is there."),
        "threshold_db": EffectParam(
            -60.0, 0.0, -36.0, unit="dB", doc="Level of the sound from which the return gives way."
        ),
        "attack_ms": EffectParam(0.1, 200.0, 10.0, "log", "ms", doc="Time to 63 % of going down."),
        "release_ms": EffectParam(10.0, 3000.0, 300.0, "log", "ms", doc="Time to 63 % of coming back."),
    }

    def prepare(self) -> None:
        """The send comes before the effect, the gain after it, for all channels alike."""
        super().prepare()
        self.traits = self.traits & {"time_invariant", "causal", "odd"}
        self.crosses_channels = True
        self._peak = PeakLevel(self.sample_rate, link=True)

    def process(
        self,
        x: Tensor,
        state: State,
        sidechain: Tensor | None = None,
        *,
        send_db: Tensor,
        duck_db: Tensor,
        threshold_db: Tensor,
        attack_ms: Tensor,
        release_ms: Tensor,
        effects: Mapping[str, Through],
    ) -> tuple[Tensor, State]:
        """The input, as late as the effect, and the return, as loud as the input lets it be."""
        state = state or {}
        new_state: dict[str, Any] = {}
        wet, new_state["wet"] = effects[self._name](x * db_to_amp(send_db), state.get("wet"), sidechain)
        dry, new_state["dry"] = delayed(x, self.latency_samples, state.get("dry"))
        peak, new_state["peak"] = self._peak(dry, state.get("peak"))
        z = ((amp_to_db(peak) - threshold_db) / _KNEE_DB).clamp(0.0, 1.0)
        attack, release = (smoothing(ms, self.sample_rate) for ms in (attack_ms, release_ms))
        start = state.get("duck", torch.zeros_like(z[..., 0]))
        z, new_state["duck"] = attack_release(z, attack, release, start, return_zf=True)
        return total([dry, wet * db_to_amp(-duck_db * z)]), new_state

    def told_first(self, values: Mapping[str, Any]) -> str:
        """The levels of the send and of the return."""
        sent, down, above = (amount(self.params[n], values[n]) for n in ("send_db", "duck_db", "threshold_db"))
        return f"sent at {sent}, beside the input, {down} lower while that is above {above}"
