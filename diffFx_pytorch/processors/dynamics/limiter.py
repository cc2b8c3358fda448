"""Limiter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.fir import fir
from ...dsp.gain_computer import overshoot
from ...dsp.levels import db_to_amp
from ...dsp.true_peak import REACH, true_peak
from ...dsp.whole_delay import delayed
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import attack_release, running_max

_PLATEAU = 8
"""Samples around a true peak over which the gain rests, so that what lies between them is lowered like them."""


class Limiter(Processor):
    """Look-ahead brickwall limiter: no sample of the output is larger than the ceiling, whatever comes in.

    With u the input times the drive and r[t] = max(0, level of u[t] over the ceiling) in dB, of the loudest channel,

        m[t] = max(r[t - D], ..., r[t])               the most that the samples of the look-ahead ask for,
        s[t] = max(m[t], c s[t-1] + (1 - c) m[t])     held, then released,
        y[t] = u[t - D] 10^(-(w * s)[t] / 20)         w a Hann window of D + 1 samples that sums to 1.

    **Why the ceiling holds**: (w * s)[t] is a mean of s[t - D], ..., s[t]; each of these is at least the m beside it,
    and every one of those m has r[t - D] among its candidates. So the reduction is never less than the r of the sample
    it is applied to. What rounding leaves over, some 1e-7, is cut off, at a ceiling rounded downwards.

    Under the ceiling every r is 0 and y is u, late by D samples (``latency_samples``).

    With ``true_peak`` the level is that of the peak between samples (ITU-R BS.1770 annex 2, four times oversampled),
    the reduction rests for a few samples on either side of it, and a second pass takes what the moving gain of the
    first has let through.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        lookahead_ms: D as a time; the shorter, the more the limiting of bass distorts.
        true_peak: limit the peaks between the samples too.
        link: channels share the gain that the loudest of them asks for; False limits each on its own.

    Raises:
        ValueError: for a look-ahead that is negative or longer than a second.

    References:
        P. Hamalainen, "Smoothing of the control signal without clipped output in digital peak limiters", DAFx 2002.
        ITU-R BS.1770-5, annex 2; EBU Tech 3341, "Loudness metering: EBU mode", table 1, tests 15 to 23.
    """

    params = {
        "gain_db": EffectParam(0.0, 24.0, 0.0, unit="dB", doc="Drive into the ceiling."),
        "ceiling_db": EffectParam(-24.0, 0.0, -1.0, unit="dB", doc="Level that no peak of the output exceeds."),
        "release_ms": EffectParam(5.0, 2000.0, 100.0, "log", "ms", doc="Time to 63 % of a shrinking reduction."),
    }
    neutral = {"gain_db": 0.0, "ceiling_db": 0.0}
    traits = {"time_invariant", "causal", "odd"}
    variants = ({}, {"true_peak": True, "lookahead_ms": 1.5}, {"link": False, "lookahead_ms": 0.0})

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        lookahead_ms: float = 5.0,
        true_peak: bool = False,
        link: bool = True,
    ) -> None:
        super().__init__(sample_rate, param_range)
        if not 0 <= lookahead_ms <= 1000:
            raise ValueError(f"Limiter: lookahead_ms must lie in 0 .. 1000, got {lookahead_ms!r}")
        self.true_peak = bool(true_peak)
        self.link = self.crosses_channels = bool(link)
        samples = round(lookahead_ms * sample_rate / 1000)
        window = np.hanning(samples + 3)[1:-1]
        self._window = tuple((window / window.sum()).tolist())
        self._plateau = _PLATEAU if true_peak else 0
        self._late = samples + self._plateau
        self.latency_samples = 2 * (REACH + self._late) if true_peak else self._late

    def process(
        self, x: Tensor, state: State, *, gain_db: Tensor, ceiling_db: Tensor, release_ms: Tensor
    ) -> tuple[Tensor, State]:
        """Level, look-ahead, release, window, gain; the state holds the look-ahead of each of these."""
        if x.shape[-1] == 0:
            return x, state
        before: dict[str, Any] = {} if state is None else state
        after: dict[str, Any] = {}
        # 1 - c of a long release has no digits left in float32.
        hold = (-1000 / (self.sample_rate * release_ms.double())).exp()
        y, ceiling_db = x * db_to_amp(gain_db), ceiling_db.expand(-1, -1, x.shape[-1])
        for name in ("first", "second") if self.true_peak else ("first",):
            y, ceiling_db, after[name] = self._limited(y, ceiling_db, hold, before.get(name, {}))
        # Rounded downwards: not even the last bit of the ceiling is passed.
        eps = torch.finfo(x.dtype).eps
        ceiling = (db_to_amp(ceiling_db.double()) * (1 - 2 * eps)).to(x.dtype)
        # What is cut off is rounding; the gradient is that of the equation.
        return y + (y.clamp(-ceiling, ceiling) - y).detach(), after

    def _limited(
        self, u: Tensor, ceiling_db: Tensor, hold: Tensor, before: Mapping[str, Any]
    ) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """One pass; the ceiling is delayed like the sound."""
        after: dict[str, Any] = {}
        key, late = u, 0
        if self.true_peak:
            key, after["peak"] = true_peak(u, before.get("peak"))
            late = REACH
        at_key, after["ceiling"] = delayed(ceiling_db, late, before.get("ceiling"))
        r = overshoot(key, at_key, torch.zeros_like(at_key[..., :1]), link=self.link)
        window = self._late + self._plateau + 1
        m, after["ahead"] = running_max(r, window, before.get("ahead"), return_zf=True)
        s, after["release"] = attack_release(m, 0.0, hold, before.get("release"), return_zf=True)
        taps = len(self._window)
        past = before.get("window")
        s = torch.cat((s.new_zeros(*s.shape[:-1], taps - 1) if past is None else past, s), -1)
        after["window"] = s[..., s.shape[-1] - taps + 1 :]
        sound, after["sound"] = delayed(u, late + self._late, before.get("sound"))
        ceiling_db, after["late"] = delayed(at_key, self._late, before.get("late"))
        return sound * (-fir(s, self._window)).exp(), ceiling_db, after

    def curve(self, *, gain_db: Tensor, ceiling_db: Tensor, release_ms: Tensor) -> Curve:
        """Output peak over input peak."""
        level = torch.linspace(-40.0, 24.0, 257, dtype=gain_db.dtype)
        out = torch.minimum(level + gain_db[0, 0, 0], ceiling_db[0, 0, 0])
        return Curve(level, out, "input (dB)", "output (dB)", title="Limiter")
