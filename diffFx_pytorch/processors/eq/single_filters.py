"""Filters one at a time: one or a few sections with knobs for what they are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal, get_args

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.biquad import (
    Design,
    all_pass,
    band_pass,
    butterworth,
    high_pass,
    high_shelf,
    low_pass,
    low_shelf,
    notch,
    peak,
    ring_seconds,
    sos_response,
)
from ...dsp.levels import amp_to_db
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import filter_sections

SLOPES = (6, 12, 24, 48)
"""Slopes of the pass filters, in dB an octave."""

_TRAITS = frozenset({"linear", "time_invariant", "causal", "odd"})


class SingleFilter(Processor):
    """What the single filters share: designed from their knobs, run in one pass, drawn as a response.

    Knobs that move move the filter from sample to sample, in a form that stays stable however fast.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        params: the table, where it depends on construction.
        design: "matched" follows the analogue prototype up to Nyquist; "bilinear" is the RBJ cookbook, which bends
            frequencies towards Nyquist.

    Raises:
        ValueError: for an unknown design.
    """

    designed: Callable[..., Tensor]
    """From the knobs, the sample rate and the design to a section (..., 6)."""

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        params: Mapping[str, EffectParam] | None = None,
        design: Design = "matched",
    ) -> None:
        super().__init__(sample_rate, param_range, params=params)
        if design not in get_args(Design):
            raise ValueError(f"{type(self).__name__}: unknown design {design!r}; designs are matched, bilinear")
        self.design: Design = design

    def sections(self, **knobs: Tensor) -> Tensor:
        """The filter as sections [b0 b1 b2 a0 a1 a2], float64.

        Args:
            knobs: as for ``process``, each (B, 1, 1) or (B, 1, T).

        Returns:
            (B, 1, 1, K, 6), or (B, 1, T, K, 6) where a knob moves.
        """
        return type(self).designed(*knobs.values(), self.sample_rate, self.design).unsqueeze(-2)

    def tail(self, **knobs: Tensor) -> Tensor:
        """The sections ring one after another."""
        return ring_seconds(self.sections(**knobs), self.sample_rate).sum(-1)

    def curve(self, **knobs: Tensor) -> Curve:
        """Magnitude response."""
        freqs, response = self._response(knobs)
        return Curve(freqs, amp_to_db(response.abs(), -120.0), "frequency (Hz)", "gain (dB)", True, type(self).__name__)

    def _response(self, knobs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        highest = min(20000.0, self.sample_rate / 2)
        freqs = torch.logspace(math.log10(20.0), math.log10(highest), 500, dtype=torch.float64)
        return freqs, sos_response(self.sections(**knobs)[0, 0, 0], freqs, self.sample_rate)


def _freq(default: float, doc: str) -> EffectParam:
    return EffectParam(20.0, 20000.0, default, "log", "Hz", doc=doc)


def _q(doc: str, default: float = math.sqrt(0.5)) -> EffectParam:
    return EffectParam(0.1, 10.0, default, "log", doc=doc)


_GAIN = EffectParam(-24.0, 24.0, 0.0, unit="dB", doc="Height of the curve; 0 leaves the signal alone.")


class PassFilter(SingleFilter):
    """What low- and high-pass share: a slope.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        slope_db_per_octave: 6, 12, 24 or 48; only at 12 is there a ``q``.
        design: "matched" or "bilinear".

    Raises:
        ValueError: for another slope or an unknown design.
    """

    kind: Literal["low_pass", "high_pass"]
    usual_hz: float

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        slope_db_per_octave: int = 12,
        design: Design = "matched",
    ) -> None:
        if slope_db_per_octave not in SLOPES:
            raise ValueError(
                f"{type(self).__name__}: slope_db_per_octave must be one of {', '.join(map(str, SLOPES))}, "
                f"got {slope_db_per_octave!r}"
            )
        table = {"freq_hz": _freq(self.usual_hz, "Corner: 3 dB down, but for what q raises it.")}
        # Steeper filters are Butterworth filters, whose Q are given; a first-order one has none.
        if slope_db_per_octave == 12:
            table["q"] = _q("Resonance: the gain at freq_hz; 0.7071 has no peak (Butterworth).")
        super().__init__(sample_rate, param_range, params=table, design=design)
        self.slope_db_per_octave = slope_db_per_octave

    def sections(self, **knobs: Tensor) -> Tensor:
        """The filter as sections: one, or those of the Butterworth filter."""
        if self.slope_db_per_octave == 12:
            return super().sections(**knobs)
        return butterworth(self.kind, knobs["freq_hz"], self.slope_db_per_octave, self.sample_rate, self.design)


class LowPass(PassFilter):
    """Low-pass 1 / (s^2 + s/q + 1), or a Butterworth filter of order slope / 6.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        slope_db_per_octave: 6, 12, 24 or 48; only at 12 is there a ``q``.
        design: "matched" follows the analogue prototype up to Nyquist; "bilinear" is the RBJ cookbook, with its zeros
            at Nyquist.

    Raises:
        ValueError: for another slope or an unknown design.

    References:
        S. Butterworth, "On the theory of filter amplifiers", Experimental Wireless 7, 1930.
        M. Vicanek, "Matched second order digital filters", 2016.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    traits = _TRAITS
    exempt = {"neutral": "a low-pass has no setting that passes everything"}
    variants = ({}, {"slope_db_per_octave": 6}, {"slope_db_per_octave": 48, "design": "bilinear"})
    designed, kind, usual_hz = low_pass, "low_pass", 8000.0

    def process(self, x: Tensor, state: State, **knobs: Tensor) -> tuple[Tensor, State]:
        """Filter with all sections in one pass; the state is theirs."""
        return filter_sections(x, self.sections(**knobs), state)


class HighPass(PassFilter):
    """High-pass s^2 / (s^2 + s/q + 1), or a Butterworth filter of order slope / 6.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        slope_db_per_octave: 6, 12, 24 or 48; only at 12 is there a ``q``.
        design: "matched" follows the analogue prototype up to Nyquist; "bilinear" is the RBJ cookbook.

    Raises:
        ValueError: for another slope or an unknown design.

    References:
        S. Butterworth, "On the theory of filter amplifiers", Experimental Wireless 7, 1930.
        M. Vicanek, "Matched second order digital filters", 2016.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    traits = _TRAITS
    exempt = {"neutral": "a high-pass has no setting that passes everything"}
    variants = ({}, {"slope_db_per_octave": 6, "design": "bilinear"}, {"slope_db_per_octave": 24})
    designed, kind, usual_hz = high_pass, "high_pass", 80.0

    def process(self, x: Tensor, state: State, **knobs: Tensor) -> tuple[Tensor, State]:
        """Filter with all sections in one pass; the state is theirs."""
        return filter_sections(x, self.sections(**knobs), state)


class BandPass(SingleFilter):
    """Band-pass (s/q) / (s^2 + s/q + 1): 0 dB at ``freq_hz``, -3 dB at the edges of a band of width freq_hz / q.

    References:
        M. Vicanek, "Matched second order digital filters", 2016, section 3.3.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    params = {
        "freq_hz": _freq(1000.0, "Centre of what passes."),
        "q": _q("Narrowness: freq_hz over the width of the band.", 1.0),
    }
    traits = _TRAITS
    exempt = {"neutral": "a band-pass has no setting that passes everything"}
    designed = band_pass

    def process(self, x: Tensor, state: State, *, freq_hz: Tensor, q: Tensor) -> tuple[Tensor, State]:
        """Filter; the state is the section's."""
        return filter_sections(x, self.sections(freq_hz=freq_hz, q=q), state)


class Notch(SingleFilter):
    """Notch (s^2 + 1) / (s^2 + s/q + 1): nothing at ``freq_hz``, -3 dB at the edges of a band of width freq_hz / q.

    References:
        M. Vicanek, "Matched second order digital filters", 2016.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    params = {
        "freq_hz": _freq(1000.0, "What is taken out."),
        "q": _q("Narrowness: freq_hz over the width of the band.", 1.0),
    }
    traits = _TRAITS
    exempt = {"neutral": "a notch always takes something out"}
    designed = notch

    def process(self, x: Tensor, state: State, *, freq_hz: Tensor, q: Tensor) -> tuple[Tensor, State]:
        """Filter; the state is the section's."""
        return filter_sections(x, self.sections(freq_hz=freq_hz, q=q), state)


class AllPass(SingleFilter):
    """All-pass (s^2 - s/q + 1) / (s^2 + s/q + 1): every level stays, the phase turns, by 180 degrees at ``freq_hz``.

    References:
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    params = {
        "freq_hz": _freq(1000.0, "Where the phase is turned by half a turn."),
        "q": _q("Suddenness of the turn.", math.sqrt(0.5)),
    }
    traits = _TRAITS
    exempt = {"neutral": "an all-pass always turns the phase"}
    designed = all_pass

    def process(self, x: Tensor, state: State, *, freq_hz: Tensor, q: Tensor) -> tuple[Tensor, State]:
        """Filter; the state is the section's."""
        return filter_sections(x, self.sections(freq_hz=freq_hz, q=q), state)

    def curve(self, *, freq_hz: Tensor, q: Tensor) -> Curve:
        """Phase response, unwrapped."""
        freqs, response = self._response({"freq_hz": freq_hz, "q": q})
        steps = (response[1:] / response[:-1]).angle()
        phase = torch.cat([response[:1].angle(), response[:1].angle() + steps.cumsum(0)])
        return Curve(freqs, torch.rad2deg(phase), "frequency (Hz)", "phase (deg)", True, "AllPass")


class Peak(SingleFilter):
    """Peak (bell) (s^2 + s A/q + 1) / (s^2 + s/(A q) + 1), A = 10^(gain / 40); a cut undoes the boost of its size.

    References:
        M. Vicanek, "Matched second order digital filters", 2016, section 3.4.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    params = {
        "freq_hz": _freq(1000.0, "Centre of the bell."),
        "q": _q("Narrowness of the bell.", 1.0),
        "gain_db": _GAIN,
    }
    neutral = {"gain_db": 0.0}
    traits = _TRAITS
    designed = peak

    def process(self, x: Tensor, state: State, *, freq_hz: Tensor, q: Tensor, gain_db: Tensor) -> tuple[Tensor, State]:
        """Filter; the state is the section's."""
        return filter_sections(x, self.sections(freq_hz=freq_hz, q=q, gain_db=gain_db), state)


class LowShelf(SingleFilter):
    """Low shelf A (s^2 + s sqrt(A)/q + A) / (A s^2 + s sqrt(A)/q + 1), A = 10^(gain / 40).

    ``gain_db`` far below ``freq_hz``, half of it, in dB, there, nothing far above.

    References:
        M. Vicanek, "Matched second order digital filters", 2016.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    params = {
        "freq_hz": _freq(200.0, "Middle of the slope."),
        "q": _q("Steepness; 0.7071 is the steepest without ripple."),
        "gain_db": _GAIN,
    }
    neutral = {"gain_db": 0.0}
    traits = _TRAITS
    designed = low_shelf

    def process(self, x: Tensor, state: State, *, freq_hz: Tensor, q: Tensor, gain_db: Tensor) -> tuple[Tensor, State]:
        """Filter; the state is the section's."""
        return filter_sections(x, self.sections(freq_hz=freq_hz, q=q, gain_db=gain_db), state)


class HighShelf(SingleFilter):
    """High shelf A (A s^2 + s sqrt(A)/q + 1) / (s^2 + s sqrt(A)/q + A), A = 10^(gain / 40).

    ``gain_db`` far above ``freq_hz``, half of it, in dB, there, nothing far below.

    References:
        M. Vicanek, "Matched second order digital filters", 2016.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    params = {
        "freq_hz": _freq(4000.0, "Middle of the slope."),
        "q": _q("Steepness; 0.7071 is the steepest without ripple."),
        "gain_db": _GAIN,
    }
    neutral = {"gain_db": 0.0}
    traits = _TRAITS
    designed = high_shelf

    def process(self, x: Tensor, state: State, *, freq_hz: Tensor, q: Tensor, gain_db: Tensor) -> tuple[Tensor, State]:
        """Filter; the state is the section's."""
        return filter_sections(x, self.sections(freq_hz=freq_hz, q=q, gain_db=gain_db), state)
