"""Limiter."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.ballistics import smoothing
from ...dsp.gain_computer import knee, overshoot
from ...dsp.hann import hann_mean
from ...dsp.levels import NEPER_PER_DB
from ...dsp.true_peak import REACH, true_peak
from ...dsp.whole_delay import delayed, with_past
from ...kernels.transforms import forward_mode_active, needs_grad
from ...options import Flag, Number
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import attack_release, running_max
from ..choices import LINK

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

    References:
        P. Hamalainen, "Smoothing of the control signal without clipped output in digital peak limiters", DAFx 2002.
        ITU-R BS.1770-5, annex 2; EBU Tech 3341, "Loudness metering: EBU mode", table 1, tests 15 to 23.
    """

    words = ("{gain_db:adds}", "lets nothing above {ceiling_db}, releasing in {release_ms}")
    params = {
        "gain_db": EffectParam(0.0, 24.0, 0.0, unit="dB", doc="Gain into the limiter."),
        "ceiling_db": EffectParam(-24.0, 0.0, -1.0, unit="dB", doc="Level that no peak of the output exceeds."),
        "release_ms": EffectParam(1.0, 5000.0, 100.0, "log", "ms", doc="Time to 63 % of a shrinking reduction."),
    }
    options = {
        "lookahead_ms": Number(
            0, 1000, 5.0, "ms", doc="Look-ahead D in milliseconds; the shorter, the more bass is distorted."
        ),
        "true_peak": Flag(False, doc="Whether the peaks between the samples are limited too."),
        "link": LINK,
    }
    neutral = {"gain_db": 0.0, "ceiling_db": 0.0}
    traits = {"time_invariant", "causal", "odd"}
    in_pieces = True
    variants = ({}, {"true_peak": True, "lookahead_ms": 1.5}, {"link": False, "lookahead_ms": 0.0})

    def prepare(self) -> None:
        """The window, and how late it makes the signal."""
        self.crosses_channels = self.link
        samples = round(self.lookahead_ms * self.sample_rate / 1000)
        self._taps = samples + 1
        self._plateau = _PLATEAU if self.true_peak else 0
        self._ahead = samples + self._plateau
        first = REACH + self._ahead if self.true_peak else self._ahead
        self.latency_samples = 2 * first if self.true_peak else first
        # The gain acts on the input, the ceiling is delayed like the sound, the release on a reduction that is ahead.
        self.knob_latency = {"release_ms": first}

    def control(self, *, gain_db: Tensor, ceiling_db: Tensor, release_ms: Tensor) -> dict[str, Tensor]:
        """Gain, ceiling and the sharpest knee in neper, the release as a smoothing coefficient."""
        ceiling, width = knee(ceiling_db, torch.zeros_like(ceiling_db[..., :1]))
        return {
            "drive": NEPER_PER_DB * gain_db,
            "ceiling": ceiling,
            "width": width,
            "release": smoothing(release_ms, self.sample_rate),
        }

    def process(
        self, x: Tensor, state: State, *, drive: Tensor, ceiling: Tensor, width: Tensor, release: Tensor
    ) -> tuple[Tensor, State]:
        """Level, look-ahead, release, window, gain; the state holds the look-ahead of each of these."""
        if x.shape[-1] == 0:
            return x, state
        state, new_state = state or {}, {}
        y = x * drive.exp()
        for name in ("first", "second") if self.true_peak else ("first",):
            y, ceiling, new_state[name] = self._limited(y, ceiling, width, release, state.get(name, {}))
        # Rounded downwards: not even the last bit of the ceiling is passed.
        most = (ceiling.double().exp() * (1 - 2 * torch.finfo(x.dtype).eps)).to(x.dtype)
        # What is cut off is rounding; the gradient is that of the equation.
        cut = y.clamp(-most, most)
        differentiated = needs_grad(y) or forward_mode_active()
        return cut.detach() + (y - y.detach()) if differentiated else cut, new_state

    def _limited(
        self, u: Tensor, ceiling: Tensor, width: Tensor, release: Tensor, state: dict[str, Any]
    ) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """One pass; the ceiling is delayed like the sound."""
        new_state: dict[str, Any] = {}
        key, delay = u, 0
        if self.true_peak:
            key, new_state["peak"] = true_peak(u, state.get("peak"))
            delay = REACH
        at_key, new_state["ceiling"] = _late(ceiling, delay, u.shape[-1], state.get("ceiling"))
        r = overshoot(key, at_key, width, link=self.link)
        window = self._ahead + self._plateau + 1
        m, new_state["ahead"] = running_max(r, window, state.get("ahead"), return_zf=True)
        s, new_state["release"] = attack_release(m, 0.0, release, state.get("release"), return_zf=True)
        padded = with_past(s, self._taps - 1, state.get("window"))
        new_state["window"] = padded[..., s.shape[-1] :]
        sound, new_state["sound"] = delayed(u, delay + self._ahead, state.get("sound"))
        ceiling, new_state["at_key"] = _late(at_key, self._ahead, u.shape[-1], state.get("at_key"))
        return sound * (-hann_mean(padded, self._taps)).exp(), ceiling, new_state

    def curve(self, *, gain_db: Tensor, ceiling_db: Tensor, release_ms: Tensor) -> Curve:
        """Output peak over input peak."""
        level = torch.linspace(-40.0, 24.0, 257, dtype=gain_db.dtype)
        out = torch.minimum(level + gain_db[0, 0, 0], ceiling_db[0, 0, 0])
        return Curve(level, out, "input (dB)", "output (dB)", title="Limiter")


def _late(level: Tensor, samples: int, length: int, past: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """A level of blocks of a length, delayed by whole samples, and what the next block needs of it.

    One that stands still (B, 1, 1), and is the very tensor of the block before, is the same whenever it is read.
    """
    if samples == 0:
        return level, None
    if level.shape[-1] == 1 and (past is None or past is level):
        return level, level
    line = past if past is None else past.expand(-1, -1, samples)
    return delayed(level.expand(-1, -1, length), samples, line)
