"""Expander."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.ballistics import limited_slope, smoothing
from ...dsp.gain_computer import exponential_knee, quadratic_knee
from ...dsp.levels import amp_to_db, db_to_amp
from ...params import EffectParam
from ...recursion import attack_release
from ..choices import KNEE_SHAPE
from .key import FLOOR_DB, MAKEUP, KeyedGain

_SHARPEST_KNEE_DB = 1e-3


class Expander(KeyedGain):
    """Downward expander: what lies under the threshold becomes quieter, by ratio - 1 dB for each dB.

    With L the level of the key (its peak over the last 10 ms, so that the gain does not follow the waveform), the
    undershoot u is 0 above the threshold T, T - L below it, with a parabola of width ``knee_db`` between. The gain is
    makeup - min((R - 1) u, range) dB, the reduction smoothed with the time constant of the release while it grows
    (closing) and of the attack while it shrinks (opening): the times in which it covers 1 - 1/e (63 %) of a step in dB.

    References:
        D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic range compressor design: a tutorial and analysis",
        JAES 60(6), 2012: equation 4, upside down, and 16.
        U. Zolzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.2.2.
        S. Lee et al., "GRAFX: an open-source library for audio processing graphs in PyTorch", DAFx 2024 (exponential
        knee: ``dsp.gain_computer.exponential_knee``).
    """

    words = (
        "turns what is below {threshold_db} down {ratio}:1, by {range_db} at most, "
        "with a {attack_ms} attack and a {release_ms} release, the knee {knee_db} wide",
        "{makeup_db:adds}",
    )
    params = {
        "threshold_db": EffectParam(-90.0, 0.0, -40.0, unit="dB", doc="Level below which the gain falls."),
        "ratio": EffectParam(
            1.0, 100.0, 2.0, "log", doc="Output over input, in dB, under the threshold; 1 is neutral."
        ),
        "knee_db": EffectParam(0.0, 24.0, 6.0, unit="dB", doc="Width of the bend at the threshold; 0 is a corner."),
        "attack_ms": EffectParam(0.01, 500.0, 1.0, "log", "ms", doc="Time to 63 % of a rising gain: opening."),
        "release_ms": EffectParam(1.0, 5000.0, 100.0, "log", "ms", doc="Time to 63 % of a falling gain: closing."),
        "range_db": EffectParam(1.0, 96.0, 60.0, unit="dB", doc="Largest reduction of the gain."),
        "makeup_db": MAKEUP,
    }
    options = {"knee_shape": KNEE_SHAPE, **KeyedGain.options}
    neutral = {"ratio": 1.0, "makeup_db": 0.0}
    variants = ({}, {"link": False, "lookahead_ms": 2.0, "knee_shape": "exponential"})

    def gain(
        self,
        peak: Tensor,
        state: dict[str, Any],
        *,
        threshold_db: Tensor,
        ratio: Tensor,
        knee_db: Tensor,
        attack_ms: Tensor,
        release_ms: Tensor,
        range_db: Tensor,
        makeup_db: Tensor,
    ) -> tuple[Tensor, dict[str, Any]]:
        """Curve and ballistics; the state holds the undershoot."""
        reach, width = limited_slope(ratio - 1, range_db)
        wanted = (self._undershoot(amp_to_db(peak, FLOOR_DB), threshold_db, knee_db) / width).clamp_max(1.0)
        start = state.get("part")
        if start is None:  # after silence it is shut
            silence = torch.full_like(peak[..., :1], FLOOR_DB)
            start = self._undershoot(silence, threshold_db[..., :1], knee_db[..., :1]) / width[..., :1]
            start = start.clamp_max(1.0).squeeze(-1)
        opening, closing = (smoothing(ms, self.sample_rate) for ms in (attack_ms, release_ms))
        smooth, end = attack_release(wanted, closing, opening, start, return_zf=True)
        return db_to_amp(makeup_db - reach * smooth), {"part": end}

    def curve(
        self,
        *,
        threshold_db: Tensor,
        ratio: Tensor,
        knee_db: Tensor,
        range_db: Tensor,
        makeup_db: Tensor,
        **others: Tensor,
    ) -> Curve:
        """Output level over input level, settled."""
        level = torch.linspace(-110.0, 0.0, 441, dtype=ratio.dtype)
        T, R, W, most, more = (k[:1, :, :1] for k in (threshold_db, ratio, knee_db, range_db, makeup_db))
        gain = more - torch.minimum((R - 1) * self._undershoot(level[None, None], T, W), most)
        out = level + gain[0, 0]
        return Curve(level, out, "input (dB)", "output (dB)", title="Expander")

    def _undershoot(self, level_db: Tensor, threshold_db: Tensor, knee_db: Tensor) -> Tensor:
        """How far a level lies under the threshold, in dB, with a knee."""
        W = knee_db.clamp_min(_SHARPEST_KNEE_DB)
        if self.knee_shape == "exponential":
            return exponential_knee(threshold_db - level_db, W)
        return quadratic_knee(threshold_db - level_db, W)
