"""Compressor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.gain_computer import compress, overshoot
from ...dsp.levels import amp_to_db, db_to_amp
from ...dsp.whole_delay import delayed
from ...params import HIGHEST_FREQUENCY, EffectParam
from ...processor import Processor, State
from ...recursion import allpole, attack_release, sosfilt

Detector = Literal["peak", "rms"]


class Compressor(Processor):
    """Feed-forward compressor: the louder the key over threshold, the lower the gain.

    The level of the key (its magnitude, or its mean square over a few ms) asks for a gain reduction by the static curve
    with a soft knee (``plot`` draws it); that reduction, in dB, is smoothed with one coefficient while it grows
    (attack) and one while it shrinks (release); the smoothed reduction, less the make-up gain, is applied to the
    signal, and ``mix`` blends with the dry one.

    ``attack_ms`` and ``release_ms`` are the times in which the gain reduction, in dB, covers 1 - 1/e (63 %) of a step
    of the level. The averaging of the RMS detector comes on top. Levels are in dB of full scale: a sine of amplitude 1
    has a peak of 0 dB and an RMS level of -3.01 dB.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        detector: "peak" follows the magnitude, "rms" the mean square over ``rms_ms``.
        link: channels share the gain that the loudest of them asks for; False compresses each on its own.
        lookahead_ms: the signal is delayed by so much (``latency_samples``), the key is not.
        key_highpass_hz: corner of a second-order Butterworth high-pass on the key, so that bass does not pump; None
            for none.
        rms_ms: time constant of the mean square.

    Raises:
        ValueError: for an unknown detector, a negative look-ahead, a corner outside what the sample rate allows.

    References:
        D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic range compressor design: a tutorial and analysis",
        JAES 60(6), 2012: equation 4 (curve), 16 (smooth branching detector), figure 7c (log-domain, after the curve).
    """

    params = {
        "threshold_db": EffectParam(-60.0, 0.0, -20.0, unit="dB", doc="Level from which on the gain is reduced."),
        "ratio": EffectParam(1.0, 20.0, 4.0, "log", doc="dB of input over threshold for one of output; 1 is neutral."),
        "knee_db": EffectParam(0.0, 24.0, 6.0, unit="dB", doc="Width of the bend at the threshold; 0 is a corner."),
        "attack_ms": EffectParam(0.1, 300.0, 10.0, "log", "ms", doc="Time to 63 % of a growing gain reduction."),
        "release_ms": EffectParam(10.0, 2000.0, 100.0, "log", "ms", doc="Time to 63 % of a shrinking gain reduction."),
        "makeup_db": EffectParam(-12.0, 24.0, 0.0, unit="dB", doc="Gain after compression."),
        "mix": EffectParam(0.0, 1.0, 1.0, doc="0 is the dry signal, 1 the compressed one."),
    }
    neutral = {"ratio": 1.0, "makeup_db": 0.0}
    traits = {"time_invariant", "causal", "odd"}
    takes_sidechain = True
    variants = (
        {},
        {"detector": "rms"},
        {"link": False, "lookahead_ms": 2.0},
        {"detector": "rms", "link": False, "lookahead_ms": 1.0, "key_highpass_hz": 100.0},
    )

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        detector: Detector = "peak",
        link: bool = True,
        lookahead_ms: float = 0.0,
        key_highpass_hz: float | None = None,
        rms_ms: float = 5.0,
    ) -> None:
        super().__init__(sample_rate, param_range)
        if detector not in ("peak", "rms"):
            raise ValueError(f"Compressor: detector must be 'peak' or 'rms', got {detector!r}")
        if not 0 <= lookahead_ms < math.inf:
            raise ValueError(f"Compressor: lookahead_ms must be 0 or more, got {lookahead_ms!r}")
        if not 0 < rms_ms < math.inf:
            raise ValueError(f"Compressor: rms_ms must be positive, got {rms_ms!r}")
        highest = HIGHEST_FREQUENCY * sample_rate
        if key_highpass_hz is not None and not 0 < key_highpass_hz <= highest:
            raise ValueError(
                f"Compressor: key_highpass_hz must be above 0 and at most {highest:g} at a sample rate of "
                f"{sample_rate:g} Hz, or None, got {key_highpass_hz!r}"
            )
        self.detector: Detector = detector
        self.link = self.crosses_channels = bool(link)
        self.latency_samples = round(lookahead_ms * sample_rate / 1000)
        self._rms_hold = math.exp(-1000 / (sample_rate * rms_ms))
        # The mean square is left 1 / (1 - c) too large: a threshold to match spares a pass over the signal.
        self._key_gain_db = -10 * math.log10(1 - self._rms_hold) if detector == "rms" else 0.0
        self._key_sos = None if key_highpass_hz is None else _highpass(key_highpass_hz, sample_rate)

    def process(
        self,
        x: Tensor,
        state: State,
        sidechain: Tensor | None = None,
        *,
        threshold_db: Tensor,
        ratio: Tensor,
        knee_db: Tensor,
        attack_ms: Tensor,
        release_ms: Tensor,
        makeup_db: Tensor,
        mix: Tensor,
    ) -> tuple[Tensor, State]:
        """Level, curve, ballistics, gain; the state holds the filters of the key, the reduction and the look-ahead."""
        if x.shape[-1] == 0:
            return x, state
        before: dict[str, Any] = {} if state is None else state
        key, after = self._key(x if sidechain is None else sidechain, before)
        over, after["over"] = attack_release(
            overshoot(key, threshold_db + self._key_gain_db, knee_db, power=self.detector == "rms", link=self.link),
            self._hold(attack_ms),
            self._hold(release_ms),
            before.get("over"),
            return_zf=True,
        )
        # Smoothing commutes with the slope 1 - 1/R. Before it, a ratio of 1 would leave nothing to tell attack from
        # release, and the gradient would not know which.
        late, after["late"] = delayed(x, self.latency_samples, before.get("late"))
        return compress(late, over, ratio, makeup_db, mix), after

    def curve(
        self,
        *,
        threshold_db: Tensor,
        ratio: Tensor,
        knee_db: Tensor,
        attack_ms: Tensor,
        release_ms: Tensor,
        makeup_db: Tensor,
        mix: Tensor,
    ) -> Curve:
        """Output level over input level, settled."""
        level = torch.linspace(-80.0, 6.0, 345, dtype=ratio.dtype)
        x = db_to_amp(level)[None, None]
        T, R, W, makeup, m = (k[:1, :, :1] for k in (threshold_db, ratio, knee_db, makeup_db, mix))
        y = compress(x, overshoot(x, T, W), R, makeup, m)
        return Curve(level, amp_to_db(y)[0, 0], "input (dB)", "output (dB)", title="Compressor")

    def _key(self, key: Tensor, before: Mapping[str, Any]) -> tuple[Tensor, dict[str, Any]]:
        """The key, filtered, as an amplitude or a power, and the state of its filters."""
        after: dict[str, Any] = {}
        if self._key_sos is not None:
            sos = torch.tensor([self._key_sos], dtype=torch.float64, device=key.device)
            key, after["key"] = sosfilt(key, sos, before.get("key"), return_zf=True)
        if self.detector == "rms":
            pole = torch.tensor([-self._rms_hold], dtype=torch.float64, device=key.device)
            key, after["power"] = allpole(key.square(), pole, before.get("power"), return_zf=True)
        return key, after

    def _hold(self, time_ms: Tensor) -> Tensor:
        # 1 - c of a long release has no digits left in float32.
        return (-1000 / (self.sample_rate * time_ms.double())).exp()


def _highpass(freq_hz: float, sample_rate: float) -> list[float]:
    """Second-order Butterworth high-pass by the bilinear transform, as one section b0 b1 b2 a0 a1 a2."""
    k = math.tan(math.pi * freq_hz / sample_rate)
    a0 = 1 + math.sqrt(2) * k + k * k
    return [1 / a0, -2 / a0, 1 / a0, 1.0, 2 * (k * k - 1) / a0, (1 - math.sqrt(2) * k + k * k) / a0]
