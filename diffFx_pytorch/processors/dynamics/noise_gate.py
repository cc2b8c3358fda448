"""Noise gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import amp_to_db, db_to_amp
from ...dsp.whole_delay import delayed
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import attack_release, backlash
from .peak_level import FLOOR_DB, PeakLevel, check_lookahead, hold_of

_RAMP_DB = 3.0
"""From open to shut: steep for the ear, and yet a slope for the gradient."""

_LONG_AGO = 2**22
"""Samples; float32 still counts them one by one."""


class NoiseGate(Processor):
    """Noise gate: opens at the threshold, shuts once the level has been ``hysteresis_db`` below it for the hold time.

    With L the level of the key in dB (its peak over the last 10 ms, so that the gate does not follow the waveform),

        p[t] = max(L[t], min(p[t-1], L[t] + H))       follows a rising level, lets a falling one go H dB first,
        z[t] = min(max((T - p[t]) / 3 dB, 0), 1)      0 is open, 1 is shut; kept open for the hold time after p >= T,

    z is smoothed with the time constant of the release while it rises (shutting) and of the attack while it falls
    (opening), and the gain is -range z dB; so the times are those in which the gain covers 1 - 1/e of a step in dB.
    p >= T is exactly what a switch with thresholds T and T - H says, but p is continuous: the gradients of threshold,
    hysteresis and hold are those of the equation, no surrogates. They come from the moments at which it moves; a gate
    that is only ever wide open or shut has none, as it should.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        link: channels open together, with the loudest; False gates each on its own.
        lookahead_ms: the signal is delayed by so much (``latency_samples``), the key is not.

    Raises:
        ValueError: for a look-ahead that is negative or longer than a second.

    References:
        U. Zolzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.2.3.
        A. Visintin, Differential Models of Hysteresis, Springer 1994, chapter III (p, the play operator).
    """

    params = {
        "threshold_db": EffectParam(-90.0, 0.0, -50.0, unit="dB", doc="Level at which the gate opens."),
        "hysteresis_db": EffectParam(0.0, 24.0, 4.0, unit="dB", doc="How far below the threshold it shuts."),
        "attack_ms": EffectParam(0.05, 100.0, 1.0, "log", "ms", doc="Time to 63 % of a rising gain: opening."),
        "hold_ms": EffectParam(0.0, 1000.0, 20.0, unit="ms", doc="Time it stays open after the level has gone."),
        "release_ms": EffectParam(5.0, 2000.0, 100.0, "log", "ms", doc="Time to 63 % of a falling gain: shutting."),
        "range_db": EffectParam(0.0, 96.0, 60.0, unit="dB", doc="What a shut gate takes away; 0 is neutral."),
    }
    neutral = {"range_db": 0.0}
    traits = {"time_invariant", "causal", "odd"}
    takes_sidechain = True
    variants = ({}, {"link": False, "lookahead_ms": 2.0})

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        link: bool = True,
        lookahead_ms: float = 0.0,
    ) -> None:
        super().__init__(sample_rate, param_range)
        check_lookahead("NoiseGate", lookahead_ms)
        self.link = self.crosses_channels = bool(link)
        self.latency_samples = round(lookahead_ms * sample_rate / 1000)
        self._peak = PeakLevel(sample_rate, self.link)

    def process(
        self,
        x: Tensor,
        state: State,
        sidechain: Tensor | None = None,
        *,
        threshold_db: Tensor,
        hysteresis_db: Tensor,
        attack_ms: Tensor,
        hold_ms: Tensor,
        release_ms: Tensor,
        range_db: Tensor,
    ) -> tuple[Tensor, State]:
        """Level, hysteresis, hold, ballistics, gain; the state holds each of them and the look-ahead."""
        if x.shape[-1] == 0:
            return x, state
        before: dict[str, Any] = {} if state is None else state
        after: dict[str, Any] = {}
        peak, after["peak"] = self._peak(x if sidechain is None else sidechain, before.get("peak"))
        level, after["level"] = backlash(amp_to_db(peak, FLOOR_DB), hysteresis_db, before.get("level"), return_zf=True)
        z = ((threshold_db - level) / _RAMP_DB).clamp(0.0, 1.0)
        since, after["crossing"] = _samples_since_open(level - threshold_db, before.get("crossing"))
        held = (hold_ms * (self.sample_rate / 1000) + 0.5 - since).clamp(0.0, 1.0)
        start = before.get("shut", torch.ones_like(z[..., 0]))
        opening, closing = hold_of(attack_ms, self.sample_rate), hold_of(release_ms, self.sample_rate)
        shut, after["shut"] = attack_release(z * (1 - held), closing, opening, start, return_zf=True)
        late, after["late"] = delayed(x, self.latency_samples, before.get("late"))
        return late * db_to_amp(-range_db * shut), after

    def curve(
        self,
        *,
        threshold_db: Tensor,
        hysteresis_db: Tensor,
        attack_ms: Tensor,
        hold_ms: Tensor,
        release_ms: Tensor,
        range_db: Tensor,
    ) -> Curve:
        """Output level over input level: up through the threshold, and down again."""
        up = torch.linspace(-100.0, 0.0, 401, dtype=range_db.dtype)
        level = torch.cat((up, up.flip(0)))
        follows = torch.cat((up, up.flip(0) + hysteresis_db[0, 0, 0]))
        shut = ((threshold_db[0, 0, 0] - follows) / _RAMP_DB).clamp(0.0, 1.0)
        return Curve(level, level - range_db[0, 0, 0] * shut, "input (dB)", "output (dB)", title="NoiseGate")


def _samples_since_open(over: Tensor, before: tuple[Tensor, Tensor, Tensor] | None) -> tuple[Tensor, tuple]:
    """Samples since a follower fell below the threshold, 0 where it is not below.

    The moment of the crossing is read off a straight line between two samples: so the time is continuous, and has a
    derivative.

    Args:
        over: follower less threshold, (..., T).
        before: what the block before returned; None is after it was never open.

    Returns:
        ``(since, state)``: since (..., T), and the last of ``over``, of the whole samples since, and of the fraction.
    """
    samples = over.shape[-1]
    if before is None:
        lead = over[..., 0]
        before = torch.full_like(lead, -1.0), torch.full_like(lead, _LONG_AGO), torch.zeros_like(lead)
    last_over, last_since, last_fraction = (t.unsqueeze(-1) for t in before)
    previous = torch.cat((last_over, over[..., :-1]), -1)
    crossing = (over < 0) & (previous >= 0)
    fraction = torch.where(crossing, previous / torch.where(crossing, previous - over, 1.0), 0.0)
    now = torch.arange(samples, device=over.device)
    opened = torch.where(over >= 0, now, -_LONG_AGO).cummax(-1).values
    opened = torch.maximum(opened, -1 - last_since.long())
    # The crossing is the sample after the last open one; what lies before this block was left by the one before it.
    fraction = torch.cat((last_fraction, fraction), -1).gather(-1, (opened + 2).clamp(0, samples))
    whole = (now - opened).clamp_max(_LONG_AGO).to(over.dtype)
    return whole - fraction, (over[..., -1], whole[..., -1].detach(), fraction[..., -1])
