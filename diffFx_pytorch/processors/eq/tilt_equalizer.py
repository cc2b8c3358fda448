"""Tilt equaliser."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...dsp.levels import db_to_amp
from ...params import EffectParam
from .filters import SectionFilter


class TiltEqualizer(SectionFilter):
    """Brighter or darker by one knob: H(s) = (G s + 1) / (s + G), G = 10^(tilt / 20), s in units of the pivot.

    ``tilt_db`` far above ``pivot_hz``, as much the other way far below it, nothing at it: first-order, so the slope is
    never steeper than 6 dB per octave. By the bilinear transform, exact at the pivot.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.3 (first-order shelving filters).
    """

    words = ("tilts the sound about {pivot_hz} by {tilt_db} per side",)
    params = {
        "tilt_db": EffectParam(
            -12.0, 12.0, 0.0, unit="dB", doc="Gain far above the pivot, and its opposite far below; 0 is flat."
        ),
        "pivot_hz": EffectParam(100.0, 6000.0, 650.0, "log", "Hz", doc="Frequency that keeps its level."),
    }
    neutral = {"tilt_db": 0.0}

    def sections(self, *, tilt_db: Tensor, pivot_hz: Tensor) -> Tensor:
        """The filter as one section, float64; knobs and shape as for ``SectionFilter``."""
        tilt_db, pivot_hz = torch.broadcast_tensors(tilt_db.double(), pivot_hz.double())
        g, k = db_to_amp(tilt_db), torch.tan(math.pi / self.sample_rate * pivot_hz)
        none, a0 = torch.zeros_like(g), 1 + g * k
        section = (g + k, k - g, none, a0, g * k - 1, none)
        return (torch.stack(section, -1) / a0.unsqueeze(-1)).unsqueeze(-2)
