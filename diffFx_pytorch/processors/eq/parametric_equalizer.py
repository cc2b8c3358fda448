"""Parametric equaliser."""

from __future__ import annotations

from torch import Tensor

from ...params import EffectParam
from .filters import DESIGN, SectionFilter
from .parametric import NUM_PEAKS, parametric_rows, parametric_sections


class ParametricEqualizer(SectionFilter):
    """Low shelf, peaks and high shelf in series: H = H_low H_peak_1 ... H_peak_N H_high.

    Gains are those of the analogue prototypes: a peak has ``gain_db`` at ``freq_hz``; a shelf has ``gain_db`` at its
    far end and half of it, in dB, at ``freq_hz``. Automated knobs move the filters from sample to sample, in a form
    that stays stable however fast.

    References:
        M. Vicanek, "Matched second order digital filters", 2016.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    words = (
        "{low_shelf_gain_db:adds} below {low_shelf_freq_hz}{low_shelf_q:flat}",
        "{peak_#_gain_db:adds} around {peak_#_freq_hz}{peak_#_q:flat}",
        "{high_shelf_gain_db:adds} above {high_shelf_freq_hz}{high_shelf_q:flat}",
    )
    options = {"num_peaks": NUM_PEAKS, "design": DESIGN}
    variants = ({}, {"num_peaks": 1, "design": "bilinear"})

    def table(self) -> dict[str, EffectParam]:
        """Gain, frequency and Q of the shelves and of every peak."""
        return parametric_rows(self.num_peaks)

    def prepare(self) -> None:
        """Flat where no gain is turned."""
        self.neutral = {name: 0.0 for name in self.params if name.endswith("_gain_db")}

    def sections(self, **knobs: Tensor) -> Tensor:
        """The filters as sections [b0 b1 b2 a0 a1 a2], float64; knobs and shape as for ``SectionFilter``."""
        return parametric_sections(knobs, self.num_peaks, self.sample_rate, self.design)
