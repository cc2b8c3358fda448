"""Parametric equaliser."""

from __future__ import annotations

import torch
from torch import Tensor

from ...dsp.mid_side import from_mid_side, to_mid_side
from ...options import Choice
from ...params import EffectParam
from ...processor import State
from ...recursion import ControlPoints, filter_sections
from .filters import DESIGN, SectionFilter
from .parametric import NUM_PEAKS, parametric_rows, parametric_sections

_SIDES = {"everywhere": (), "mid_side": ("mid", "side"), "left_right": ("left", "right")}


class ParametricEqualizer(SectionFilter):
    """Low shelf, peaks and high shelf in series: H = H_low H_peak_1 ... H_peak_N H_high.

    Gains are those of the analogue prototypes: a peak has ``gain_db`` at ``freq_hz``; a shelf has ``gain_db`` at its
    far end and half of it, in dB, at ``freq_hz``. Automated knobs move the filters from sample to sample, in a form
    that stays stable however fast.

    With ``placement`` every band has a knob p that says where it acts: at -1 in the mid (or on the left), at 1 in the
    sides (or on the right), at 0 in both alike. Its gain in dB is min(1, 1 - p) ``gain_db`` in the first of the two and
    min(1, 1 + p) ``gain_db`` in the second.

    References:
        M. Vicanek, "Matched second order digital filters", 2016.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    words = (
        *(
            f"{{{band}_gain_db:adds}} {where} {{{band}_freq_hz}}{{{band}_q:flat}} (placed {{{band}_place}})"
            for band, where in (("low_shelf", "below"), ("peak_#", "around"), ("high_shelf", "above"))
        ),
        "{low_shelf_gain_db:adds} below {low_shelf_freq_hz}{low_shelf_q:flat}",
        "{peak_#_gain_db:adds} around {peak_#_freq_hz}{peak_#_q:flat}",
        "{high_shelf_gain_db:adds} above {high_shelf_freq_hz}{high_shelf_q:flat}",
    )
    options = {
        "num_peaks": NUM_PEAKS,
        "design": DESIGN,
        "placement": Choice(
            *_SIDES,
            doc='Whether each band has a knob of where it acts: between mid and side with "mid_side", between the '
            'channels with "left_right".',
        ),
    }
    variants = (
        {},
        {"num_peaks": 1, "design": "bilinear"},
        {"num_peaks": 1, "placement": "mid_side"},
    )

    def table(self) -> dict[str, EffectParam]:
        """Gain, frequency and Q of the shelves and of every peak, and their places."""
        rows = parametric_rows(self.num_peaks)
        if sides := _SIDES[self.placement]:
            doc = f"Where it acts: -1 {sides[0]} only, 0 both, 1 {sides[1]} only."
            bands = [name.removesuffix("_gain_db") for name in rows if name.endswith("_gain_db")]
            rows |= {f"{band}_place": EffectParam(-1.0, 1.0, 0.0, doc=doc) for band in bands}
        return rows

    def prepare(self) -> None:
        """Flat where no gain is turned."""
        self.neutral = {name: 0.0 for name in self.params if name.endswith("_gain_db")}
        if self.placement != "everywhere":
            self.channels, self.crosses_channels = (2,), self.placement == "mid_side"

    def sections(self, **knobs: Tensor) -> Tensor:
        """The filters as sections [b0 b1 b2 a0 a1 a2], float64; knobs and shape as for ``SectionFilter``.

        With places (B, 2, ...): those of mid and side, or left and right.
        """
        if self.placement != "everywhere":
            knobs = {
                name: _shared(knob, knobs[name.replace("_gain_db", "_place")]) if name.endswith("_gain_db") else knob
                for name, knob in knobs.items()
            }
        return parametric_sections(knobs, self.num_peaks, self.sample_rate, self.design)

    def process(self, x: Tensor, state: State, *, sections: Tensor | ControlPoints) -> tuple[Tensor, State]:
        """Filter with all sections in one pass; the state is theirs."""
        if self.placement != "mid_side":
            return filter_sections(x, sections, state)
        y, state = filter_sections(torch.cat(to_mid_side(x), 1), sections, state)
        return from_mid_side(y[:, :1], y[:, 1:]), state


def _shared(gain_db: Tensor, place: Tensor) -> Tensor:
    """The gain (B, 1, F) in both of the two (B, 2, F)."""
    # At 0 the minimum shares its gradient between both sides of the corner.
    return gain_db * torch.cat([torch.minimum(torch.ones_like(place), 1 - s * place) for s in (1.0, -1.0)], 1)
