"""Compressor."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant

from ...curve import Curve
from ...dsp.ballistics import smoothing
from ...dsp.gain_computer import FLOOR, compress, exponential_knee, knee, overshoot
from ...dsp.levels import NEPER_PER_DB, amp_to_db, db_to_amp
from ...dsp.whole_delay import delayed
from ...options import Choice, Flag, Number
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import allpole, attack_release, one_pole, sosfilt
from ..choices import KNEE_SHAPE, LINK, RMS
from .key import LOOKAHEAD, PeakLevel

_CREST_MS = 200.0
_FASTEST = 32.0
"""Times are at most so many times shorter than those of the knobs."""
_SHORTEST_MS, _SILENT = 0.01, 1e-20


class Compressor(Processor):
    """Feed-forward compressor: the louder the key over threshold, the lower the gain.

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

    References:
        D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic range compressor design: a tutorial and analysis",
        JAES 60(6), 2012: equation 4 (curve), 16 (smooth branching detector), figure 7c (log-domain, after the curve).
        D. Giannoulis, M. Massberg, J. D. Reiss, "Parameter automation in a dynamic range compressor", JAES 61(10),
        2013 (times by the crest factor, make-up gain by the static curve).
        S. Lee et al., "GRAFX: an open-source library for audio processing graphs in PyTorch", DAFx 2024 (exponential
        knee: ``dsp.gain_computer.exponential_knee``).
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
            "peak", "rms", doc="What is followed: the peak of the last 10 ms, or the mean square over ``rms_ms``."
        ),
        "knee_shape": KNEE_SHAPE,
        "link": LINK,
        "lookahead_ms": LOOKAHEAD,
        "key_highpass_hz": Number(
            1, 20000, None, "Hz", doc="Corner of a second-order Butterworth high-pass on the key, against pumping bass."
        ),
        "rms_ms": RMS,
        "auto_times": Flag(False, doc="Whether the times follow the crest factor of the key: faster for drums."),
        "auto_makeup": Flag(False, doc="Whether half of what a sound of full scale loses is added to ``makeup_db``."),
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
    )

    def prepare(self) -> None:
        """The filters of the key, and the look-ahead."""
        self.crosses_channels = self.link
        self.latency_samples = round(self.lookahead_ms * self.sample_rate / 1000)
        self.knob_latency = dict.fromkeys(self.params, self.latency_samples)
        self._rms_smoothing = math.exp(-1000 / (self.sample_rate * self.rms_ms))
        # The mean square is left 1 / (1 - c) too large: a threshold to match spares a pass over the signal.
        rms = self.detector == "rms"
        self._key_gain_db = -10 * math.log10(1 - self._rms_smoothing) if rms else 0.0
        self._crest_smoothing = math.exp(-1000 / (self.sample_rate * _CREST_MS))
        self._peak = PeakLevel(self.sample_rate, self.link)
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
    ) -> dict[str, Tensor]:
        """The static curve and the make-up gain in neper, the ballistics as smoothing coefficients."""
        slope = 1 - 1 / ratio
        if self.auto_makeup:
            makeup_db = makeup_db - 0.5 * threshold_db * slope
        if self.auto_times:
            release_ms = (release_ms - attack_ms).clamp_min(_SHORTEST_MS)
        threshold, width = knee(threshold_db + self._key_gain_db, knee_db)
        return {
            "threshold": threshold,
            "width": width,
            "attack": smoothing(attack_ms, self.sample_rate),
            "release": smoothing(release_ms, self.sample_rate),
            "slope": slope,
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
        slope: Tensor,
        makeup: Tensor,
        mix: Tensor,
    ) -> tuple[Tensor, State]:
        """Level, curve, ballistics, gain; the state holds the filters of the key, the reduction and the look-ahead."""
        state = state or {}
        key, new_state = self._key(x if sidechain is None else sidechain, state)
        if self.knee_shape == "exponential":
            asked, new_state["peak"] = self._exponential(key, state.get("peak"), threshold, width)
        elif self.detector == "rms":
            asked = overshoot(key, threshold, width, power=True, link=self.link)
        else:
            asked, new_state["peak"] = self._peak.overshoot(key, state.get("peak"), threshold, width)
        if self.auto_times:
            half_crest, new_state["crest"] = self._half_crest(x if sidechain is None else sidechain, state.get("crest"))
            attack, release = attack**half_crest, release**half_crest
        # Smoothing commutes with the slope 1 - 1/R. Before it, a ratio of 1 would leave nothing to tell attack from
        # release, and the gradient would not know which.
        over, new_state["overshoot"] = attack_release(asked, attack, release, state.get("overshoot"), return_zf=True)
        dry, new_state["line"] = delayed(x, self.latency_samples, state.get("line"))
        return compress(dry, over, slope, makeup, mix), new_state

    def curve(self, *, threshold_db: Tensor, **knobs: Tensor) -> Curve:
        """Output level over input level, settled."""
        given = self.control(threshold_db=threshold_db - self._key_gain_db, **knobs)
        threshold, width, slope, makeup, mix = (
            given[name][:1, :, :1] for name in ("threshold", "width", "slope", "makeup", "mix")
        )
        level = torch.linspace(-80.0, 6.0, 345, dtype=slope.dtype)
        x = db_to_amp(level)[None, None]
        bent = self.knee_shape == "exponential"
        over = exponential_knee(x.log() - threshold, width) if bent else overshoot(x, threshold, width)
        y = compress(x, over, slope, makeup, mix)
        return Curve(level, amp_to_db(y)[0, 0], "input (dB)", "output (dB)", title="Compressor")

    def _exponential(
        self, key: Tensor, state: Tensor | None, threshold: Tensor, width: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """The overshoot of a key, an amplitude or a power, with the exponential knee, and the state of the peaks."""
        if self.detector == "rms":
            power = key.amax(1, keepdim=True) if self.link and key.shape[1] > 1 else key
            level = 0.5 * power.clamp_min(FLOOR**2).log()
        else:
            peak, state = self._peak(key, state)
            level = peak.clamp_min(FLOOR).log()
        return exponential_knee(level - threshold, width), state

    def _half_crest(self, key: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Half the square of the crest factor of the key, 1 for a tone, and the state of peak and mean square."""
        peak, mean = (None, None) if state is None else state
        power = key.double().square()
        if self.link:
            power = power.amax(1, keepdim=True)
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
        return key, new_state


def _highpass(freq_hz: float, sample_rate: float) -> list[float]:
    """Second-order Butterworth high-pass by the bilinear transform, as one section b0 b1 b2 a0 a1 a2."""
    k = math.tan(math.pi * freq_hz / sample_rate)
    a0 = 1 + math.sqrt(2) * k + k * k
    return [1 / a0, -2 / a0, 1 / a0, 1.0, 2 * (k * k - 1) / a0, (1 - math.sqrt(2) * k + k * k) / a0]
