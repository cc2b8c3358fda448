"""Filters one at a time: one or a few sections with knobs for what they are made of."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.biquad import all_pass, band_pass, butterworth, high_pass, high_shelf, low_pass, low_shelf, notch, peak
from ...options import Choice
from ...params import EffectParam
from .filters import DESIGN, SectionFilter


class SingleFilter(SectionFilter, abstract=True):
    """Base of the filters of one section."""

    options = {"design": DESIGN}
    designed: Callable[..., Tensor]
    """From the knobs, the sample rate and the design to a section (..., 6)."""

    def sections(self, **knobs: Tensor) -> Tensor:
        """The filter as one section [b0 b1 b2 a0 a1 a2], float64; knobs and shape as for ``SectionFilter``."""
        return type(self).designed(*knobs.values(), self.sample_rate, self.design).unsqueeze(-2)


def _freq(default: float, doc: str) -> EffectParam:
    return EffectParam(20.0, 20000.0, default, "log", "Hz", doc=doc)


def _q(doc: str, default: float = math.sqrt(0.5), most: float = 10.0) -> EffectParam:
    return EffectParam(0.1, most, default, "log", doc=doc)


def _gain(where: str) -> EffectParam:
    return EffectParam(-24.0, 24.0, 0.0, unit="dB", doc=f"Gain {where}; 0 leaves the signal alone.")


class PassFilter(SingleFilter, abstract=True):
    """Base of low- and high-pass, which have a slope."""

    options = {
        "slope_db_per_octave": Choice(
            6, 12, 24, 48, default=12, doc="Slope beyond the corner; only 12 has the knob q.", searched=True
        ),
        "design": DESIGN,
    }
    kind: Literal["low_pass", "high_pass"]
    usual_hz: float

    def table(self) -> dict[str, EffectParam]:
        """The corner, and the resonance of a section; steeper filters are Butterworth filters, whose Q are given."""
        table = {"freq_hz": _freq(self.usual_hz, "Corner frequency, where the gain is q (-3 dB at 0.7071).")}
        if self.slope_db_per_octave == 12:
            table["q"] = _q("Resonance: the gain at freq_hz; 0.7071 has no peak (Butterworth).")
        return table

    def sections(self, **knobs: Tensor) -> Tensor:
        """The filter as sections: one, or those of the Butterworth filter."""
        if self.slope_db_per_octave == 12:
            return super().sections(**knobs)
        return butterworth(self.kind, knobs["freq_hz"], self.slope_db_per_octave, self.sample_rate, self.design)


class LowPass(PassFilter):
    """Low-pass 1 / (s^2 + s/q + 1), or a Butterworth filter of order slope / 6.

    References:
        S. Butterworth, "On the theory of filter amplifiers", Experimental Wireless 7, 1930.
        M. Vicanek, "Matched second order digital filters", 2016.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    words = ("takes out what is above {freq_hz}{q:flat}", "takes out what is above {freq_hz}")
    exempt = {"neutral": "a low-pass has no setting that passes everything"}
    variants = ({}, {"slope_db_per_octave": 6}, {"slope_db_per_octave": 48, "design": "bilinear"})
    designed, kind, usual_hz = low_pass, "low_pass", 8000.0


class HighPass(PassFilter):
    """High-pass s^2 / (s^2 + s/q + 1), or a Butterworth filter of order slope / 6.

    References:
        S. Butterworth, "On the theory of filter amplifiers", Experimental Wireless 7, 1930.
        M. Vicanek, "Matched second order digital filters", 2016.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    words = ("takes out what is below {freq_hz}{q:flat}", "takes out what is below {freq_hz}")
    exempt = {"neutral": "a high-pass has no setting that passes everything"}
    variants = ({}, {"slope_db_per_octave": 6, "design": "bilinear"}, {"slope_db_per_octave": 24})
    designed, kind, usual_hz = high_pass, "high_pass", 80.0


class BandPass(SingleFilter):
    """Band-pass (s/q) / (s^2 + s/q + 1): 0 dB at ``freq_hz``, -3 dB at the edges of a band of width freq_hz / q.

    References:
        M. Vicanek, "Matched second order digital filters", 2016, section 3.3.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    words = ("leaves what is around {freq_hz}{q:flat}",)
    params = {
        "freq_hz": _freq(1000.0, "Centre of the pass band."),
        "q": _q("Narrowness: freq_hz over the width of the band.", 1.0, 100.0),
    }
    exempt = {"neutral": "a band-pass has no setting that passes everything"}
    designed = band_pass


class Notch(SingleFilter):
    """Notch (s^2 + 1) / (s^2 + s/q + 1): nothing at ``freq_hz``, -3 dB at the edges of a band of width freq_hz / q.

    References:
        M. Vicanek, "Matched second order digital filters", 2016.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    words = ("takes {freq_hz} out{q:flat}",)
    params = {
        "freq_hz": _freq(1000.0, "Frequency that is removed."),
        "q": _q("Narrowness: freq_hz over the width of the band.", 1.0, 100.0),
    }
    exempt = {"neutral": "a notch always takes something out"}
    designed = notch


class AllPass(SingleFilter):
    """All-pass (s^2 - s/q + 1) / (s^2 + s/q + 1): every level stays, the phase turns, by 180 degrees at ``freq_hz``.

    References:
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    words = ("turns the phase around {freq_hz}{q:flat}",)
    params = {
        "freq_hz": _freq(1000.0, "Frequency at which the phase is turned by 180 degrees."),
        "q": _q("Steepness of the phase at freq_hz.", math.sqrt(0.5)),
    }
    exempt = {"neutral": "an all-pass always turns the phase"}
    designed = all_pass

    def curve(self, *, freq_hz: Tensor, q: Tensor) -> Curve:
        """Phase response, unwrapped."""
        freqs, response = self.response({"freq_hz": freq_hz, "q": q})
        steps = (response[1:] / response[:-1]).angle()
        phase = torch.cat([response[:1].angle(), response[:1].angle() + steps.cumsum(0)])
        return Curve(freqs, torch.rad2deg(phase), "frequency (Hz)", "phase (deg)", True, "AllPass")


class Peak(SingleFilter):
    """Peak (bell) (s^2 + s A/q + 1) / (s^2 + s/(A q) + 1), A = 10^(gain / 40); a cut undoes the boost of its size.

    References:
        M. Vicanek, "Matched second order digital filters", 2016, section 3.4.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    words = ("{gain_db:adds} around {freq_hz}{q:flat}",)
    params = {
        "freq_hz": _freq(1000.0, "Centre of the bell."),
        "q": _q("Narrowness of the bell.", 1.0, 100.0),
        "gain_db": _gain("at freq_hz"),
    }
    neutral = {"gain_db": 0.0}
    designed = peak


class LowShelf(SingleFilter):
    """Low shelf A (s^2 + s sqrt(A)/q + A) / (A s^2 + s sqrt(A)/q + 1), A = 10^(gain / 40).

    The gain is ``gain_db`` far below ``freq_hz``, half of it (in dB) at ``freq_hz``, and 0 dB far above.

    References:
        M. Vicanek, "Matched second order digital filters", 2016.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    words = ("{gain_db:adds} below {freq_hz}{q:flat}",)
    params = {
        "freq_hz": _freq(200.0, "Middle of the slope."),
        "q": _q("Steepness; 0.7071 is the steepest without ripple."),
        "gain_db": _gain("far below freq_hz"),
    }
    neutral = {"gain_db": 0.0}
    designed = low_shelf


class HighShelf(SingleFilter):
    """High shelf A (A s^2 + s sqrt(A)/q + 1) / (s^2 + s sqrt(A)/q + A), A = 10^(gain / 40).

    The gain is ``gain_db`` far above ``freq_hz``, half of it (in dB) at ``freq_hz``, and 0 dB far below.

    References:
        M. Vicanek, "Matched second order digital filters", 2016.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    words = ("{gain_db:adds} above {freq_hz}{q:flat}",)
    params = {
        "freq_hz": _freq(4000.0, "Middle of the slope."),
        "q": _q("Steepness; 0.7071 is the steepest without ripple."),
        "gain_db": _gain("far above freq_hz"),
    }
    neutral = {"gain_db": 0.0}
    designed = high_shelf
