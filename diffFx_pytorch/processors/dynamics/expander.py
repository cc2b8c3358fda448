"""Expander."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.ballistics import limited_slope, smoothing
from ...dsp.levels import amp_to_db, db_to_amp
from ...params import EffectParam
from ...recursion import attack_release
from .key import FLOOR_DB, KeyedGain

_SHARPEST_KNEE_DB = 1e-3


class Expander(KeyedGain):
    """Downward expander: what lies under the threshold becomes quieter, by ratio - 1 dB for each dB.

    With L the level of the key (its peak over the last 10 ms, so that the gain does not follow the waveform), the
    undershoot u is 0 above the threshold T, T - L below it, with a parabola of width ``knee_db`` between. The gain is
    -min((R - 1) u, range) dB, smoothed with the time constant of the release while it falls (closing) and of the attack
    while it rises (opening): the times in which it covers 1 - 1/e (63 %) of a step in dB.

    References:
        D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic range compressor design: a tutorial and analysis",
        JAES 60(6), 2012: equation 4, upside down, and 16.
        U. Zolzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.2.2.
    """

    words = (
        "turns what is below {threshold_db} down {ratio}:1, by {range_db} at most, "
        "with a {attack_ms} attack and a {release_ms} release, the knee {knee_db} wide",
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
    }
    neutral = {"ratio": 1.0}
    variants = ({}, {"link": False, "lookahead_ms": 2.0})

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
    ) -> tuple[Tensor, dict[str, Any]]:
        """Curve and ballistics; the state holds the undershoot."""
        reach, width = limited_slope(ratio - 1, range_db)
        wanted = (undershoot(amp_to_db(peak, FLOOR_DB), threshold_db, knee_db) / width).clamp_max(1.0)
        start = state.get("part")
        if start is None:  # after silence it is shut
            silence = torch.full_like(peak[..., :1], FLOOR_DB)
            start = undershoot(silence, threshold_db[..., :1], knee_db[..., :1]) / width[..., :1]
            start = start.clamp_max(1.0).squeeze(-1)
        opening, closing = (smoothing(ms, self.sample_rate) for ms in (attack_ms, release_ms))
        smooth, end = attack_release(wanted, closing, opening, start, return_zf=True)
        return db_to_amp(-reach * smooth), {"part": end}

    def curve(
        self, *, threshold_db: Tensor, ratio: Tensor, knee_db: Tensor, range_db: Tensor, **others: Tensor
    ) -> Curve:
        """Output level over input level, settled."""
        level = torch.linspace(-110.0, 0.0, 441, dtype=ratio.dtype)
        T, R, W, most = (k[:1, :, :1] for k in (threshold_db, ratio, knee_db, range_db))
        out = level - torch.minimum((R - 1) * undershoot(level[None, None], T, W), most)[0, 0]
        return Curve(level, out, "input (dB)", "output (dB)", title="Expander")


def undershoot(level_db: Tensor, threshold_db: Tensor, knee_db: Tensor) -> Tensor:
    """How far a level lies under the threshold, in dB, with a knee."""
    W = knee_db.clamp_min(_SHARPEST_KNEE_DB)
    v = (threshold_db - level_db + 0.5 * W).clamp_min(0.0)
    m = torch.minimum(v, W)
    return m * (v - 0.5 * m) / W
