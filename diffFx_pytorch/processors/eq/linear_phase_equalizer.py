"""Parametric equaliser of linear phase."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...dsp.biquad import sos_power
from ...dsp.zero_phase import about_the_middle, hann_half, zero_phase
from ...options import Integer
from ...params import EffectParam
from .filters import DESIGN
from .parametric import NUM_PEAKS, parametric_rows, parametric_sections
from .taps import TapsFilter


class LinearPhaseEqualizer(TapsFilter):
    """``ParametricEqualizer`` of linear phase: all frequencies are equally late, so parallel tracks stay in step.

    The magnitude of the sections in series is sampled, transformed to a response symmetric about its middle, and cut to
    N = ``num_taps`` samples by a Hann window. The delay, (N - 1) / 2 samples, is the same at all frequencies and is
    declared as latency. What an equaliser of minimum phase rings after a sharp sound, this one rings half before it.

    A filter of N samples tells frequencies 2 sample_rate / N apart, 21 Hz at 44.1 kHz by default: what is narrower, or
    a shelf in the lowest octaves, comes out smoothed, unless there are more taps.

    Raises:
        ValueError: for an even number of taps.

    References:
        A. V. Oppenheim, R. W. Schafer, Discrete-Time Signal Processing, 3rd ed., Pearson 2010, sections 5.7 (linear
        phase) and 7.5 (windows).
        R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients" (the sections, and their
        magnitude as a polynomial in sin^2(w / 2)).
    """

    words = tuple(
        f"{{{side}{band}_gain_db:adds}} {where} {{{side}{band}_freq_hz}}{{{side}{band}_q:flat}}"
        for side in ("", "left_", "right_", "mid_", "side_")
        for band, where in (("low_shelf", "below"), ("peak_#", "around"), ("high_shelf", "above"))
    )
    options = {
        "num_peaks": NUM_PEAKS,
        "num_taps": Integer(3, 65535, 4095, doc="N, the length of the filter, odd."),
        "design": DESIGN,
        **TapsFilter.options,
    }
    variants = ({"num_taps": 63}, {"num_peaks": 0, "num_taps": 33, "design": "bilinear", "layout": "mid_side"})

    def rows(self) -> dict[str, EffectParam]:
        """Gain, frequency and Q of the shelves and of every peak."""
        if self.num_taps % 2 == 0:
            raise ValueError(f"num_taps must be odd, got {self.num_taps}")
        self.taps = self.num_taps
        self.latency_samples = (self.taps - 1) // 2
        rows = parametric_rows(self.num_peaks)
        self._names = tuple(rows)
        return rows

    def prepare(self) -> None:
        """Where the magnitude is sampled, and the window."""
        super().prepare()
        self.neutral = {name: 0.0 for name in self.params if name.endswith("_gain_db")}
        self.transform = 4 << (self.taps - 1).bit_length()
        turn = math.pi / self.transform * torch.arange(self.transform // 2 + 1, dtype=torch.float64)
        self._reach = (self.taps + 1) // 2
        self.register_buffer("_phi", turn.sin().square(), persistent=False)
        self.register_buffer("_window", about_the_middle(hann_half(self._reach)), persistent=False)

    def taps_of(self, curve: Tensor) -> Tensor:
        """Magnitude of the sections, response, window."""
        knobs = dict(zip(self._names, curve.unbind(-1), strict=True))
        sections = parametric_sections(knobs, self.num_peaks, self.sample_rate, self.design)
        return zero_phase(sos_power(sections, self._phi).sqrt(), self.transform, self._reach) * self._window

    def power(self, phi: Tensor, **knobs: Tensor) -> Tensor:
        """Power response, before the window, at sin^2(w / 2), for the knobs of one side (B, 1, 1): (B, F)."""
        sections = parametric_sections(knobs, self.num_peaks, self.sample_rate, self.design)
        return sos_power(sections, phi)[:, 0, 0]
