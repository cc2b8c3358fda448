"""Transient shaper."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import amp_to_db, db_to_amp
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import attack_release
from ..choices import LINK
from .key import FLOOR_DB, PeakLevel

_ENVELOPES_MS = {"fast": (0.0, 5.0), "slow": (20.0, 30.0), "long": (0.0, 600.0)}
"""Time constants of rising and of falling. An attack lasts until the slow envelope has come near, some 20 ms."""
_AT_ONCE_DB = (0.5, 3.0)
"""A distance of the envelopes under the first is nothing, over the second all of it."""


class TransientShaper(Processor):
    """Makes attacks and tails louder or softer at any level: no threshold, only differences of envelopes in dB.

    The peaks p of the input (over the last 10 ms) are followed by envelopes that rise at once and ones that do not:

        d_attack  = L(rises at once, falls in 5 ms) - L(rises in 20 ms, falls in 30 ms)
        d_sustain = L(rises at once, falls in 600 ms) - L(rises at once, falls in 5 ms)

    d_attack is large while a sound sets in, d_sustain while it dies away, and both are 0 for a steady one. The gain is
    attack a(d_attack) + sustain a(d_sustain) dB, where a goes from 0 at 0.5 dB to 1 at 3 dB: so the attack of a drum
    is moved by ``attack_db`` and its tail by ``sustain_db``, no more and no less, and the gain follows the input times
    any factor.

    References:
        M. Gier, P. White, "SPL Transient Designer, DPH-1 owner's manual", Sound Performance Lab 1999 (the principle:
        differential envelopes).
        U. Zolzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.2.
    """

    words = ("makes attacks {attack_db:louder}", "makes what rings on {sustain_db:louder}")
    params = {
        "attack_db": EffectParam(-24.0, 24.0, 0.0, unit="dB", doc="Gain where a sound sets in."),
        "sustain_db": EffectParam(-24.0, 24.0, 0.0, unit="dB", doc="Gain where a sound dies away."),
    }
    options = {"link": LINK}
    neutral = {"attack_db": 0.0, "sustain_db": 0.0}
    traits = {"time_invariant", "causal", "odd"}
    variants = ({}, {"link": False})

    def prepare(self) -> None:
        """The peaks."""
        self.crosses_channels = self.link
        self._peak = PeakLevel(self.sample_rate, self.link)

    def process(self, x: Tensor, state: State, *, attack_db: Tensor, sustain_db: Tensor) -> tuple[Tensor, State]:
        """Peaks, envelopes, gain; the state holds the peaks and the envelopes."""
        state, new_state, level = state or {}, {}, {}
        peak, new_state["peak"] = self._peak(x, state.get("peak"))
        for name, times_ms in _ENVELOPES_MS.items():
            rise, fall = (math.exp(-1000 / (self.sample_rate * ms)) if ms else 0.0 for ms in times_ms)
            envelope, new_state[name] = attack_release(peak, rise, fall, state.get(name), return_zf=True)
            level[name] = amp_to_db(envelope, FLOOR_DB)
        gain_db = attack_db * _share(level["fast"] - level["slow"]) + sustain_db * _share(level["long"] - level["fast"])
        return x * db_to_amp(gain_db), new_state

    def curve(self, *, attack_db: Tensor, sustain_db: Tensor) -> Curve:
        """Gain over the course of a drum hit that dies away by 60 dB in 300 ms."""
        onset = round(0.02 * self.sample_rate)
        n = torch.arange(round(0.4 * self.sample_rate), dtype=torch.float64)
        hit = torch.cat((torch.full((onset,), 1e-6, dtype=torch.float64), 10 ** (-10 * n / self.sample_rate)))
        knobs = {"attack_db": attack_db[:1, :, :1].double(), "sustain_db": sustain_db[:1, :, :1].double()}
        y, _ = self.process(hit[None, None], None, **knobs)
        time_ms = (torch.arange(len(hit)) - onset) * (1000 / self.sample_rate)
        return Curve(time_ms, amp_to_db(y[0, 0] / hit), "time after the hit (ms)", "gain (dB)", title="TransientShaper")


def _share(distance_db: Tensor) -> Tensor:
    least, most = _AT_ONCE_DB
    return ((distance_db - least) / (most - least)).clamp(0.0, 1.0)
