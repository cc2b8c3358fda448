"""Parametric equaliser."""

from __future__ import annotations

import torch
from torch import Tensor

from ...dsp.section_design import section_design
from ...options import Integer
from ...params import EffectParam
from .filters import DESIGN, SectionFilter


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
    options = {"num_peaks": Integer(0, 64, 3, doc="Number of peaks between the shelves."), "design": DESIGN}
    variants = ({}, {"num_peaks": 1, "design": "bilinear"})

    def table(self) -> dict[str, EffectParam]:
        """Gain, frequency and Q of the shelves and of every peak."""
        table = _band("low_shelf", 20.0, 2000.0, 100.0, "far below low_shelf_freq_hz", "Middle of the slope")
        for i in range(self.num_peaks):
            # Middles of equal parts of 100 Hz .. 10 kHz, on a logarithmic axis.
            centre = round(100.0 * 100.0 ** ((i + 0.5) / self.num_peaks))
            table |= _band(f"peak_{i + 1}", 20.0, 20000.0, centre, f"at peak_{i + 1}_freq_hz", "Centre of the bell")
        return table | _band(
            "high_shelf", 1000.0, 20000.0, 8000.0, "far above high_shelf_freq_hz", "Middle of the slope"
        )

    def prepare(self) -> None:
        """Flat where no gain is turned."""
        self.neutral = {name: 0.0 for name in self.params if name.endswith("_gain_db")}

    def sections(self, **knobs: Tensor) -> Tensor:
        """The filters as sections [b0 b1 b2 a0 a1 a2], float64; knobs and shape as for ``SectionFilter``."""
        bands = ["low_shelf", *(f"peak_{i + 1}" for i in range(self.num_peaks)), "high_shelf"]
        kinds = ("low_shelf", *["peak"] * self.num_peaks, "high_shelf")
        given = [knobs[f"{band}_{knob}"] for knob in ("freq_hz", "q", "gain_db") for band in bands]
        if any(knob.shape != given[0].shape for knob in given):
            given = torch.broadcast_tensors(*given)
        count = len(bands)
        freq, q, gain = (torch.stack(tuple(given[i : i + count]), -1) for i in range(0, 3 * count, count))
        return section_design(kinds, freq, q, gain, self.sample_rate, self.design)


def _band(name: str, lowest: float, highest: float, usual: float, gains: str, centre: str) -> dict[str, EffectParam]:
    steep = "Steepness of the slope; 0.7071 is the steepest without ripple."
    return {
        f"{name}_gain_db": EffectParam(-24.0, 24.0, 0.0, unit="dB", doc=f"Gain {gains}."),
        f"{name}_freq_hz": EffectParam(lowest, highest, usual, "log", "Hz", doc=f"{centre}."),
        f"{name}_q": EffectParam(
            0.1,
            10.0 if "slope" in centre else 100.0,
            0.7071,
            "log",
            doc=steep if "slope" in centre else "Narrowness of the bell.",
        ),
    }
