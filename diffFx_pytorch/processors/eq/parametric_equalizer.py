"""Parametric equaliser."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.biquad import Design, high_shelf, low_shelf, peak, ring_seconds, sos_response
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import filter_sections


class ParametricEqualizer(Processor):
    """Low shelf, peaks and high shelf in series: H = H_low H_peak_1 ... H_peak_N H_high.

    Gains are those of the analogue prototypes: a peak has ``gain_db`` at ``freq_hz``; a shelf has ``gain_db`` at its
    far end and half of it, in dB, at ``freq_hz``. Moving knobs move the filters from sample to sample, in a form that
    stays stable however fast.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        num_peaks: peaks between the shelves, 0 or more.
        design: "matched" follows the analogue magnitude up to Nyquist; "bilinear" is the RBJ cookbook, whose bands
            narrow towards Nyquist.

    References:
        M. Vicanek, "Matched second order digital filters", 2016.
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """

    traits = {"linear", "time_invariant", "causal", "odd"}
    variants = ({}, {"num_peaks": 1, "design": "bilinear"})

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_peaks: int = 3,
        design: Design = "matched",
    ) -> None:
        if isinstance(num_peaks, bool) or not isinstance(num_peaks, int) or num_peaks < 0:
            raise ValueError(f"ParametricEqualizer: num_peaks must be a whole number, 0 or more, got {num_peaks!r}")
        if design not in ("matched", "bilinear"):
            raise ValueError(f"ParametricEqualizer: unknown design {design!r}; designs are matched, bilinear")
        peaks = [f"peak_{i + 1}" for i in range(num_peaks)]
        # Middles of equal parts of 100 Hz .. 10 kHz, on a logarithmic axis.
        centres = [100.0 * 100.0 ** ((i + 0.5) / num_peaks) for i in range(num_peaks)]
        table = _band("low_shelf", 20.0, 2000.0, 100.0, "the low shelf's slope")
        for name, centre in zip(peaks, centres, strict=True):
            table |= _band(name, 20.0, 20000.0, round(centre), f"{name.replace('_', ' ')}'s centre")
        table |= _band("high_shelf", 1000.0, 20000.0, 8000.0, "the high shelf's slope")
        super().__init__(sample_rate, param_range, params=table)
        self.neutral = {name: 0.0 for name in table if name.endswith("_gain_db")}
        self.num_peaks = num_peaks
        self.design: Design = design

    def process(self, x: Tensor, state: State, **knobs: Tensor) -> tuple[Tensor, State]:
        """Filter with all sections in one pass; the state is theirs."""
        return filter_sections(x, self.sections(**knobs), state)

    def sections(self, **knobs: Tensor) -> Tensor:
        """The filters as sections [b0 b1 b2 a0 a1 a2], float64.

        Args:
            knobs: as for ``process``, each (B, 1, 1) or (B, 1, T).

        Returns:
            (B, 1, 1, K, 6), or (B, 1, T, K, 6) where a knob moves.
        """
        # One design call a kind of filter, over the bands as a last axis: the cost hardly depends on their number.
        bands = ["low_shelf", *(f"peak_{i + 1}" for i in range(self.num_peaks)), "high_shelf"]
        freq, q, gain = (
            torch.stack(torch.broadcast_tensors(*(knobs[f"{band}_{knob}"].double() for band in bands)), -1)
            for knob in ("freq_hz", "q", "gain_db")
        )
        kinds = ((low_shelf, slice(0, 1)), (peak, slice(1, -1)), (high_shelf, slice(-1, None)))
        parts = [
            design(freq[..., part], q[..., part], gain[..., part], self.sample_rate, self.design)
            for design, part in kinds
            if part != slice(1, -1) or self.num_peaks
        ]
        longest = max(part.shape[2] for part in parts)
        return torch.cat([part.expand(-1, -1, longest, -1, -1) for part in parts], -2)

    def tail(self, **knobs: Tensor) -> Tensor:
        """The sections ring one after another."""
        return ring_seconds(self.sections(**knobs), self.sample_rate).sum(-1)

    def curve(self, **knobs: Tensor) -> Curve:
        """Magnitude response."""
        top = min(20000.0, self.sample_rate / 2)
        freqs = torch.logspace(math.log10(20.0), math.log10(top), 500, dtype=torch.float64)
        response = sos_response(self.sections(**knobs)[0, 0, 0], freqs, self.sample_rate)
        level = 20 * response.abs().clamp_min(1e-6).log10()
        return Curve(freqs, level, "frequency (Hz)", "gain (dB)", x_log=True, title="ParametricEqualizer")


def _band(name: str, lowest: float, highest: float, centre: float, where: str) -> dict[str, EffectParam]:
    return {
        f"{name}_gain_db": EffectParam(-24.0, 24.0, 0.0, unit="dB", doc=f"Gain at {where}."),
        f"{name}_freq_hz": EffectParam(lowest, highest, centre, "log", "Hz", doc=f"Frequency of {where}."),
        f"{name}_q": EffectParam(0.1, 10.0, 0.7071, "log", doc=f"Steepness of {where}; 0.7071 has no ripple."),
    }
