"""Compressor."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant

from ...curve import Curve
from ...dsp.ballistics import limited_slope, smoothing
from ...dsp.gain_computer import FLOOR, compress, exponential_knee, knee, overshoot, quadratic_knee
from ...dsp.levels import NEPER_PER_DB, amp_to_db, db_to_amp
from ...dsp.whole_delay import delayed
from ...options import Choice, Flag, Number, Share
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import allpole, attack_release, loop_overshoot, one_pole, sosfilt
from ..choices import KNEE_SHAPE, LINK, RMS
from .key import LOOKAHEAD, PeakLevel

_LEVELLED = ("vca", "envelope")
"""Detectors whose level itself has the times of attack and release, and the gain none."""
_CREST_MS = 200.0
_FASTEST = 32.0
"""Times are at most so many times shorter than those of the knobs."""
_SHORTEST_MS, _SILENT = 0.01, 1e-20
_QUIETEST = 1e-10
"""Amplitude that silence counts as where it is raised: -200 dB."""
_RANGE = EffectParam(1.0, 48.0, 18.0, unit="dB", doc="Furthest that the gain is raised.")
_CELL = {
    "release_ms": EffectParam(
        1.0, 5000.0, 40.0, "log", "ms", doc="Time to 63 % of a shrinking gain reduction, in its first stage."
    ),
    "slow_release_ms": EffectParam(
        100.0, 10000.0, 1500.0, "log", "ms", doc="Time to 63 % of the second stage, and of what charges it."
    ),
    "memory": EffectParam(
        0.0, 1.0, 0.4, doc="Share of a long reduction that the second stage lets go; 0 leaves one stage."
    ),
}
"""Knobs of a cell of light and photoresistor. As they are, half of a long reduction is gone after 70 ms."""


class Compressor(Processor):
    """Compressor: the louder the key over threshold, the lower the gain.

    The level of the key (its peak over the last 10 ms, so that a tone has one level, whatever the times, or its mean
    square) asks for a gain reduction by the static curve with a soft knee (``plot`` draws it); that reduction, in dB,
    is smoothed with one coefficient while it grows (attack) and one while it shrinks (release); the smoothed reduction,
    less the make-up gain, is applied to the signal, and ``mix`` blends with the dry one.

    ``attack_ms`` and ``release_ms`` are the times in which the gain reduction, in dB, covers 1 - 1/e (63 %) of a step
    of the level. A peak counts for 10 ms, so the release begins that much later; the averaging of the RMS detector
    delays both. Levels are in dB of full scale: a sine of amplitude 1 has a peak of 0 dB and an RMS level of -3.01 dB.

    ``auto_times`` makes both times follow the crest factor c of the key, its peak over its RMS, each over 200 ms:
    attack 2 A / c^2 and release 2 (R - A) / c^2, for knobs A and R. A tone, whose c^2 is 2, has the attack of the knob;
    drums are caught and let go faster, up to 32 times. ``auto_makeup`` adds -T (1 - 1/R) / 2 dB, for a threshold T and
    a ratio R: half of what a sound of full scale loses.

    ``detector`` "vca" has the level of logarithmic RMS detectors: the mean square itself rises with the time constant
    of the attack and falls with that of the release, and the gain follows at once. So a level falls by 4.34 dB in each
    release time, however loud it was, and rises the faster the further it has to: with both at 35 ms, to 63 % of 10, 20
    and 30 dB in 16, 7 and 3 ms. With both alike it is a true RMS; the shorter the attack, the nearer to the peak.
    "envelope" does the same with the amplitude, as simple envelope followers do: where attack and release are long, its
    threshold lies lower against the peaks.
    "opto" lets go in two stages, as photoresistors do: with r the smoothed reduction and s its mean over
    ``slow_release_ms``, the reduction is r + memory max(s - r, 0). So after a word it is gone with r, and after a
    minute a share of it goes as slowly as it came to stay.

    By ``topology`` the level is that of the key, or, fed back, that of what comes out: the key's less the reduction
    itself, with a curve that gives the same ratio. Fed back it reacts the faster the higher the ratio, and lets go the
    sooner the less it reduces. ``direction`` "upward" leaves alone what is above the threshold and raises what is below
    it, by 1 - 1/R dB for each dB and ``range_db`` at most; the attack is then the time of a falling gain. With a
    ``link`` between 0 and 1, the gain in dB lies so far between that of each channel and that of all.

    References:
        D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic range compressor design: a tutorial and analysis",
        JAES 60(6), 2012: equation 4 (curve), 16 (smooth branching detector), figure 7c (log-domain, after the curve).
        D. Giannoulis, M. Massberg, J. D. Reiss, "Parameter automation in a dynamic range compressor", JAES 61(10),
        2013 (times by the crest factor, make-up gain by the static curve).
        S. Lee et al., "GRAFX: an open-source library for audio processing graphs in PyTorch", DAFx 2024 (exponential
        knee: ``dsp.gain_computer.exponential_knee``).
        D. E. Blackmer, "RMS circuits with bipolar logarithmic converter", US patent 3,681,618, 1972; dbx 160A, owner's
        manual (times of attack and release).
        Universal Audio, "Teletronix LA-2A, owner's manual" (attack 10 ms; 50 % released in 60 ms, all in 0.5 to 5 s).
        A. Wright, V. Valimaki, "Grey-box modelling of dynamic range compression", DAFx 2022 (an optical one, fitted).
    """

    words = (
        "evens the level {ratio}:1 above {threshold_db} with a {attack_ms} attack and a {release_ms} "
        "release, the knee {knee_db} wide",
        "{makeup_db:adds}",
    )
    params = {
        "threshold_db": EffectParam(-80.0, 0.0, -20.0, unit="dB", doc="Level above which the gain is reduced."),
        "ratio": EffectParam(
            1.0, 100.0, 4.0, "log", doc="Input over output, in dB, above the threshold; 1 is neutral, 100 a limiter."
        ),
        "knee_db": EffectParam(0.0, 40.0, 6.0, unit="dB", doc="Width of the bend at the threshold; 0 is a corner."),
        "attack_ms": EffectParam(0.01, 500.0, 10.0, "log", "ms", doc="Time to 63 % of a growing gain reduction."),
        "release_ms": EffectParam(1.0, 5000.0, 100.0, "log", "ms", doc="Time to 63 % of a shrinking gain reduction."),
        "makeup_db": EffectParam(-24.0, 36.0, 0.0, unit="dB", doc="Gain applied after the compression."),
        "mix": EffectParam(0.0, 1.0, 1.0, doc="0 is the dry signal, 1 the compressed one."),
    }
    options = {
        "detector": Choice(
            "peak",
            "rms",
            "vca",
            "envelope",
            "opto",
            doc="What is followed: the peak of the last 10 ms, the mean square over rms_ms, the mean square over "
            "attack and release, the amplitude over these, or peaks by a cell that lets go in two stages.",
            searched=True,
        ),
        "knee_shape": KNEE_SHAPE,
        "topology": Choice(
            "feed-forward", "feed-back", doc="Whose level is followed: that of the key, or that of what comes out."
        ),
        "direction": Choice(
            "downward", "upward", doc="Whether what is above the threshold is lowered, or what is below it raised."
        ),
        "link": Share(1.0, doc=LINK.doc + " Between, a share of either gain in dB."),
        "lookahead_ms": LOOKAHEAD,
        "key_highpass_hz": Number(
            1, 20000, None, "Hz", doc="Corner of a second-order Butterworth high-pass on the key, against pumping bass."
        ),
        "rms_ms": RMS,
        "auto_times": Flag(False, doc="Whether the times follow the crest factor of the key: faster for drums."),
        "auto_makeup": Flag(False, doc="Whether half of what a sound of full scale loses is added to makeup_db."),
    }
    neutral = {"ratio": 1.0, "makeup_db": 0.0}
    traits = {"time_invariant", "causal", "odd"}
    takes_sidechain = True
    variants = (
        {},
        {"detector": "rms"},
        {"link": False, "lookahead_ms": 2.0, "knee_shape": "exponential"},
        {"detector": "rms", "link": False, "lookahead_ms": 1.0, "key_highpass_hz": 100.0},
        {"auto_times": True, "auto_makeup": True},
        {"topology": "feed-back", "link": 0.4},
        {"topology": "feed-back", "detector": "rms", "auto_times": True},
        {"direction": "upward", "knee_shape": "exponential"},
        {"direction": "upward", "detector": "rms", "link": 0.6, "auto_times": True},
        {"detector": "vca", "link": 0.4, "auto_times": True},
        {"detector": "vca", "link": False, "direction": "upward"},
        {"detector": "envelope"},
        {"detector": "envelope", "link": 0.5, "direction": "upward"},
        {"detector": "opto"},
        {"detector": "opto", "topology": "feed-back", "link": False},
    )

    def table(self) -> dict[str, EffectParam]:
        """The class's knobs, those of the cell, and how far the gain may rise where it does."""
        rows = dict(type(self).params)
        if self.direction == "upward":
            return {**rows, "range_db": _RANGE}
        return {**rows, **_CELL} if self.detector == "opto" else rows

    def prepare(self) -> None:
        """The filters of the key, and the look-ahead.

        Raises:
            ValueError: for feed-back, or the cell, with what it does not have.
        """
        if self.detector == "opto" and self.direction == "upward":
            raise ValueError("detector 'opto' compresses downward")
        if self.detector in _LEVELLED and self.topology == "feed-back":
            raise ValueError(f"detector {self.detector!r} is fed forward")
        if self.topology == "feed-back" and (self.direction, self.knee_shape) != ("downward", "quadratic"):
            raise ValueError("topology 'feed-back' compresses downward, with a quadratic knee")
        self.crosses_channels = self.link > 0
        self._linked = self.link == 1
        self.latency_samples = round(self.lookahead_ms * self.sample_rate / 1000)
        self.knob_latency = dict.fromkeys(self.params, self.latency_samples)
        self._rms_smoothing = math.exp(-1000 / (self.sample_rate * self.rms_ms))
        # The mean square is left 1 / (1 - c) too large: a threshold to match spares a pass over the signal.
        self._follows_power = self.detector in ("rms", "vca")
        self._key_gain_db = -10 * math.log10(1 - self._rms_smoothing) if self.detector == "rms" else 0.0
        self._floor = (_QUIETEST if self.direction == "upward" else FLOOR) * 10 ** (self._key_gain_db / 20)
        self._crest_smoothing = math.exp(-1000 / (self.sample_rate * _CREST_MS))
        self._peak = PeakLevel(self.sample_rate, self._linked)
        corner = self.key_highpass_hz
        self._key_sos = None if corner is None else _highpass(corner, self.sample_rate)

    def control(
        self,
        *,
        threshold_db: Tensor,
        ratio: Tensor,
        knee_db: Tensor,
        attack_ms: Tensor,
        release_ms: Tensor,
        makeup_db: Tensor,
        mix: Tensor,
        range_db: Tensor | None = None,
        slow_release_ms: Tensor | None = None,
        memory: Tensor | None = None,
    ) -> dict[str, Any]:
        """The static curve and the make-up gain in neper, the ballistics as smoothing coefficients."""
        slope = 1 - 1 / ratio
        if self.auto_makeup and range_db is None:
            makeup_db = makeup_db - 0.5 * threshold_db * slope
        if self.auto_times:
            release_ms = (release_ms - attack_ms).clamp_min(_SHORTEST_MS)
        furthest = None
        if self.topology == "feed-back":
            slope = ratio - 1
        elif range_db is not None:
            reach, furthest = (NEPER_PER_DB * v for v in limited_slope(slope, range_db))
            slope = -reach
            if self.detector not in _LEVELLED:  # whose level falls, where the others' gain rises
                attack_ms, release_ms = release_ms, attack_ms
        threshold, width = knee(threshold_db + self._key_gain_db, knee_db)
        return {
            "threshold": threshold,
            "width": width,
            "attack": smoothing(attack_ms, self.sample_rate),
            "release": smoothing(release_ms, self.sample_rate),
            "slowly": None if slow_release_ms is None else smoothing(slow_release_ms, self.sample_rate),
            "memory": memory,
            "slope": slope,
            "furthest": furthest,
            "makeup": NEPER_PER_DB * makeup_db,
            "mix": mix,
        }

    def process(
        self,
        x: Tensor,
        state: State,
        sidechain: Tensor | None = None,
        *,
        threshold: Tensor,
        width: Tensor,
        attack: Tensor,
        release: Tensor,
        slowly: Tensor | None,
        memory: Tensor | None,
        slope: Tensor,
        furthest: Tensor | None,
        makeup: Tensor,
        mix: Tensor,
    ) -> tuple[Tensor, State]:
        """Level, curve, ballistics, gain; the state holds the filters of the key, the reduction and the look-ahead."""
        state = state or {}
        heard = x if sidechain is None else sidechain
        key, new_state = self._key(heard, state)
        if self.auto_times:
            half_crest, new_state["crest"] = self._half_crest(heard, state.get("crest"))
            attack, release = attack**half_crest, release**half_crest
        last = state.get("overshoot")
        if self.detector in _LEVELLED:
            ballistics = (attack, release, state.get("power"))
            key, new_state["power"] = attack_release(self._loudest(key), *ballistics, return_zf=True)
        if self.direction == "upward" or "feed-back" in self.topology or self.knee_shape == "exponential":
            asked, new_state["peak"] = self._level(key, state.get("peak"))
            asked = self._bent(asked - threshold, width, furthest)
        elif self._follows_power or self.detector in _LEVELLED:
            asked = overshoot(key, threshold, width, power=self._follows_power, link=self._linked)
        else:
            asked, new_state["peak"] = self._peak.overshoot(key, state.get("peak"), threshold, width)
        if self.detector in _LEVELLED:
            over = asked
        elif self.topology == "feed-back":
            loop = (self._and_linked(asked), width, slope, attack, release, last)
            over, new_state["overshoot"] = loop_overshoot(*loop, return_zf=True)
        else:
            asked = self._and_linked(asked)
            if last is None and furthest is not None:  # after silence the gain is up
                silent = torch.full_like(asked[..., :1], math.log(self._floor))
                last = self._bent(silent - threshold[..., :1], width[..., :1], furthest[..., :1]).squeeze(-1)
            # Smoothing commutes with the slope 1 - 1/R. Before it, a ratio of 1 would leave nothing to tell attack from
            # release, and the gradient would not know which.
            over, new_state["overshoot"] = attack_release(asked, attack, release, last, return_zf=True)
        if slowly is not None and memory is not None:
            mean, new_state["mean"] = attack_release(over, slowly, slowly, state.get("mean"), return_zf=True)
            over = over + memory * (mean - over).clamp_min(0.0)
        if 0 < self.link < 1:
            over = torch.lerp(over[:, :-1], over[:, -1:], self.link)
        dry, new_state["line"] = delayed(x, self.latency_samples, state.get("line"))
        return compress(dry, over, slope, makeup, mix), new_state

    def curve(self, *, threshold_db: Tensor, **knobs: Tensor) -> Curve:
        """Output level over input level, settled."""
        given = self.control(threshold_db=threshold_db - self._key_gain_db, **knobs)
        threshold, width, slope, makeup, mix = (
            given[name][:1, :, :1] for name in ("threshold", "width", "slope", "makeup", "mix")
        )
        furthest = given["furthest"]
        level = torch.linspace(-80.0, 6.0, 345, dtype=slope.dtype)
        x = db_to_amp(level)[None, None]
        over = self._bent(x.log() - threshold, width, None if furthest is None else furthest[:1, :, :1])
        if self.topology == "feed-back":  # at once: what it settles to
            over = loop_overshoot(over, width, slope, 0.0, 0.0)
        y = compress(x, over, slope, makeup, mix)
        return Curve(level, amp_to_db(y)[0, 0], "input (dB)", "output (dB)", title="Compressor")

    def _level(self, key: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The level of a key, an amplitude or a power, in neper, (B, 1 or C, T), and the state of the peaks."""
        if self._follows_power:
            power = key.amax(1, keepdim=True) if self._linked and key.shape[1] > 1 else key
            return 0.5 * power.clamp_min(self._floor**2).log(), None
        if self.detector in _LEVELLED:
            return key.clamp_min(self._floor).log(), None
        peak, state = self._peak(key, state)
        return peak.clamp_min(self._floor).log(), state

    def _bent(self, over: Tensor, width: Tensor, furthest: Tensor | None) -> Tensor:
        """What a level over threshold asks for before its ballistics; fed back, that is the level itself."""
        if self.topology == "feed-back":
            return over
        bent = exponential_knee if self.knee_shape == "exponential" else quadratic_knee
        return bent(over, width) if furthest is None else (bent(-over, width) / furthest).clamp_max(1.0)

    def _and_linked(self, asked: Tensor) -> Tensor:
        """What each channel asks for (B, C, T), and after it, where a share of it counts, what the loudest does."""
        if not 0 < self.link < 1:
            return asked
        return torch.cat((asked, (asked.amin if self.direction == "upward" else asked.amax)(1, keepdim=True)), 1)

    def _loudest(self, power: Tensor) -> Tensor:
        """The power that counts (B, 1, T), of each channel (B, C, T), or of each and of all (B, C + 1, T)."""
        if self.link == 0:
            return power
        loudest = power.amax(1, keepdim=True)
        return loudest if self._linked else torch.cat((power, loudest), 1)

    def _half_crest(self, key: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Half the square of the crest factor of the key, 1 for a tone, and the state of peak and mean square."""
        peak, mean = (None, None) if state is None else state
        power = self._loudest(key.double().square())
        peaks, peak = attack_release(power, 0.0, self._crest_smoothing, peak, return_zf=True)
        pole = constant(self._crest_smoothing, torch.float64, key.device)
        means, mean = one_pole(power, pole, mean, return_zf=True)
        return (0.5 * (peaks + _SILENT) / (means + _SILENT)).clamp_max(_FASTEST), (peak, mean)

    def _key(self, key: Tensor, state: dict[str, Any]) -> tuple[Tensor, dict[str, Any]]:
        """The key, filtered, as an amplitude or a power, and the state of its filters."""
        new_state: dict[str, Any] = {}
        if self._key_sos is not None:
            sos = constant((tuple(self._key_sos),), torch.float64, key.device)
            key, new_state["key"] = sosfilt(key, sos, state.get("key"), return_zf=True)
        if self.detector == "rms":
            pole = constant((-self._rms_smoothing,), torch.float64, key.device)
            key, new_state["power"] = allpole(key.square(), pole, state.get("power"), return_zf=True)
        elif self.detector in _LEVELLED:
            key = key.square() if self._follows_power else key.abs()
        return key, new_state


def _highpass(freq_hz: float, sample_rate: float) -> list[float]:
    """Second-order Butterworth high-pass by the bilinear transform, as one section b0 b1 b2 a0 a1 a2."""
    k = math.tan(math.pi * freq_hz / sample_rate)
    a0 = 1 + math.sqrt(2) * k + k * k
    return [1 / a0, -2 / a0, 1 / a0, 1.0, 2 * (k * k - 1) / a0, (1 - math.sqrt(2) * k + k * k) / a0]
