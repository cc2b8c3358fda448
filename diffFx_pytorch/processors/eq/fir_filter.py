"""FIR filter."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...dsp.minimum_phase import minimum_phase
from ...options import Choice, Flag, Integer
from ...params import EffectParam
from .taps import TapsFilter

_DEEPEST = 1e-3
"""A zero of the magnitude counts as -60 dB, so that it has a logarithm."""
_SILENT = 1e-12


class FIRFilter(TapsFilter):
    """A filter whose taps are its knobs, for a network to predict or for training: y[n] = sum_k h[k] x[n - k].

    By ``phase`` h is

    - ``"any"``: the taps as they are, tap_1 first,
    - ``"linear"``: symmetric about tap_1: h = [tap_M .. tap_2 tap_1 tap_2 .. tap_M], M = (N + 1) / 2. Every frequency
      comes M - 1 samples late, which is declared as latency: where that is made up for, the phase is zero,
    - ``"minimum"``: the filter of minimum phase with the magnitude of the taps (``dsp.minimum_phase``, over a transform
      of eight times their length; what lies under -60 dB counts as that), cut to their number.

    One's own taps are trained with ``fx.trainable()``, or as settings of any model that holds the effect.

    Raises:
        ValueError: for an even number of taps of linear phase.

    References:
        A. V. Oppenheim, R. W. Schafer, Discrete-Time Signal Processing, 3rd ed., Pearson 2010, sections 5.7 (linear
        phase) and 13.5 (minimum phase).
        S. Lee et al., "GRAFX: an open-source library for audio processing graphs in PyTorch", DAFx 2024 (predicted taps
        of unit energy, in stereo or mid/side).
    """

    options = {
        "num_taps": Integer(1, 16383, 33, doc="N, the length of the filter."),
        "phase": Choice("any", "linear", "minimum", doc="Phase of the filter that is made of the taps, see above."),
        "normalize": Flag(False, doc="Scale each filter to unit energy, so that white noise keeps its level."),
        **TapsFilter.options,
    }
    variants = (
        {"num_taps": 5},
        {"num_taps": 7, "phase": "linear", "layout": "mid_side"},
        {"num_taps": 4, "phase": "minimum", "layout": "stereo", "normalize": True},
    )

    def rows(self) -> dict[str, EffectParam]:
        """A knob for every tap, or for the middle one and those after it."""
        if self.phase == "linear" and self.num_taps % 2 == 0:
            raise ValueError(f"num_taps must be odd for linear phase, got {self.num_taps}")
        self.taps = self.num_taps
        count = (self.taps + 1) // 2 if self.phase == "linear" else self.taps
        self.latency_samples = count - 1 if self.phase == "linear" else 0
        what = "the middle one" if self.phase == "linear" else "the first"
        return {
            f"tap_{i}": EffectParam(-1.0, 1.0, float(i == 1), doc=f"Tap {i}, {what}." if i == 1 else f"Tap {i}.")
            for i in range(1, count + 1)
        }

    def prepare(self) -> None:
        """Neutral where one tap is alone."""
        super().prepare()
        self.neutral = {name: float(name.endswith("tap_1")) for name in self.params}
        self.transform = 8 << (self.taps - 1).bit_length()

    def taps_of(self, curve: Tensor) -> Tensor:
        """The taps by their phase, and their energy."""
        if self.phase == "linear":
            taps = torch.cat((curve[..., 1:].flip(-1), curve), -1)
        elif self.phase == "minimum":
            power = torch.fft.rfft(curve, self.transform).abs().square()
            taps = minimum_phase(0.5 * ((power + _DEEPEST**2).log() - math.log1p(_DEEPEST**2)))[..., : self.taps]
        else:
            taps = curve
        if self.normalize:
            taps = taps * (taps.square().sum(-1, keepdim=True) + _SILENT).rsqrt()
        return taps
