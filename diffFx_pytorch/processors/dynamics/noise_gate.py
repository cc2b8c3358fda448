"""Noise gate."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.ballistics import smoothing
from ...dsp.levels import amp_to_db, db_to_amp
from ...params import EffectParam
from ...recursion import attack_release, backlash
from .key import FLOOR_DB, MAKEUP, KeyedGain

_RAMP_DB = 3.0
"""From open to shut: steep for the ear, and yet a slope for the gradient."""

_LONG_AGO = 2**22
"""Samples; float32 still counts them one by one."""


class NoiseGate(KeyedGain):
    """Noise gate: opens at the threshold, shuts once the level has been ``hysteresis_db`` below it for the hold time.

    With L the level of the key in dB (its peak over the last 10 ms, so that the gate does not follow the waveform),

        p[t] = max(L[t], min(p[t-1], L[t] + H))       follows a rising level, lets a falling one go H dB first,
        z[t] = min(max((T - p[t]) / 3 dB, 0), 1)      0 is open, 1 is shut; kept open for the hold time after p >= T,

    z is smoothed with the time constant of the release while it rises (shutting) and of the attack while it falls
    (opening), and the gain is makeup - range z dB; so the times are those in which the gain covers 1 - 1/e of a step in
    dB.
    p >= T is exactly what a switch with thresholds T and T - H says, but p is continuous: the gradients of threshold,
    hysteresis and hold are those of the equation, no surrogates. They come from the moments at which it moves; a gate
    that is only ever wide open or shut has none, as it should.

    References:
        U. Zolzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.2.3.
        A. Visintin, Differential Models of Hysteresis, Springer 1994, chapter III (p, the play operator).
    """

    words = (
        "turns what stays below {threshold_db} down by {range_db}, opening in {attack_ms}, "
        "holding for {hold_ms} and closing in {release_ms}, {hysteresis_db} lower than it opens",
        "{makeup_db:adds}",
    )
    params = {
        "threshold_db": EffectParam(-90.0, 0.0, -50.0, unit="dB", doc="Level at which the gate opens."),
        "hysteresis_db": EffectParam(
            0.0, 24.0, 4.0, unit="dB", doc="Distance below the threshold at which the gate shuts."
        ),
        "attack_ms": EffectParam(0.01, 500.0, 1.0, "log", "ms", doc="Time to 63 % of a rising gain: opening."),
        "hold_ms": EffectParam(
            0.0, 1000.0, 20.0, unit="ms", doc="Time for which it stays open after the level has fallen."
        ),
        "release_ms": EffectParam(1.0, 5000.0, 100.0, "log", "ms", doc="Time to 63 % of a falling gain: shutting."),
        "range_db": EffectParam(0.0, 96.0, 60.0, unit="dB", doc="Reduction while the gate is shut; 0 is neutral."),
        "makeup_db": MAKEUP,
    }
    neutral = {"range_db": 0.0, "makeup_db": 0.0}
    variants = ({}, {"link": False, "lookahead_ms": 2.0})

    def gain(
        self,
        peak: Tensor,
        state: dict[str, Any],
        *,
        threshold_db: Tensor,
        hysteresis_db: Tensor,
        attack_ms: Tensor,
        hold_ms: Tensor,
        release_ms: Tensor,
        range_db: Tensor,
        makeup_db: Tensor,
    ) -> tuple[Tensor, dict[str, Any]]:
        """Hysteresis, hold, ballistics; the state holds each of them."""
        new_state = {}
        level, new_state["level"] = backlash(
            amp_to_db(peak, FLOOR_DB), hysteresis_db, state.get("level"), return_zf=True
        )
        z = ((threshold_db - level) / _RAMP_DB).clamp(0.0, 1.0)
        since, new_state["crossing"] = _samples_since_open(level - threshold_db, state.get("crossing"))
        held = (hold_ms * (self.sample_rate / 1000) + 0.5 - since).clamp(0.0, 1.0)
        start = state.get("shut", torch.ones_like(z[..., 0]))
        opening, closing = (smoothing(ms, self.sample_rate) for ms in (attack_ms, release_ms))
        shut, new_state["shut"] = attack_release(z * (1 - held), closing, opening, start, return_zf=True)
        return db_to_amp(makeup_db - range_db * shut), new_state

    def curve(
        self, *, threshold_db: Tensor, hysteresis_db: Tensor, range_db: Tensor, makeup_db: Tensor, **others: Tensor
    ) -> Curve:
        """Output level over input level: up through the threshold, and down again."""
        up = torch.linspace(-100.0, 0.0, 401, dtype=range_db.dtype)
        level = torch.cat((up, up.flip(0)))
        follows = torch.cat((up, up.flip(0) + hysteresis_db[0, 0, 0]))
        shut = ((threshold_db[0, 0, 0] - follows) / _RAMP_DB).clamp(0.0, 1.0)
        out = level + makeup_db[0, 0, 0] - range_db[0, 0, 0] * shut
        return Curve(level, out, "input (dB)", "output (dB)", title="NoiseGate")


def _samples_since_open(overshoot: Tensor, state: tuple[Tensor, Tensor, Tensor] | None) -> tuple[Tensor, tuple]:
    """Samples since a follower fell below the threshold, 0 where it is not below.

    The moment of the crossing is read off a straight line between two samples: so the time is continuous, and has a
    derivative.

    Args:
        overshoot: follower less threshold, (..., T).
        state: what the block before returned; None is after it was never open.

    Returns:
        ``(since, state)``: since (..., T), and the last of ``overshoot``, of the whole samples, and of the fraction.
    """
    samples = overshoot.shape[-1]
    if state is None:
        first = overshoot[..., 0]
        state = torch.full_like(first, -1.0), torch.full_like(first, _LONG_AGO), torch.zeros_like(first)
    last_overshoot, last_since, last_fraction = (t.unsqueeze(-1) for t in state)
    previous = torch.cat((last_overshoot, overshoot), -1)[..., :-1]
    crossing = (overshoot < 0) & (previous >= 0)
    fraction = torch.where(crossing, previous / torch.where(crossing, previous - overshoot, 1.0), 0.0)
    now = torch.arange(samples, device=overshoot.device)
    opened = torch.where(overshoot >= 0, now, -_LONG_AGO).cummax(-1).values
    opened = torch.maximum(opened, -1 - last_since.long())
    # The crossing is the sample after the last open one; what lies before this block was left by the one before it.
    fraction = torch.cat((last_fraction, fraction), -1).gather(-1, (opened + 2).clamp(0, samples))
    whole = (now - opened).clamp_max(_LONG_AGO).to(overshoot.dtype)
    return whole - fraction, (overshoot[..., -1], whole[..., -1].detach(), fraction[..., -1])
