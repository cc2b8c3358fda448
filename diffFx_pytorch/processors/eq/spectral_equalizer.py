"""Equaliser of a free curve."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ...dsp.levels import NEPER_PER_DB
from ...dsp.minimum_phase import minimum_phase
from ...dsp.zero_phase import about_the_middle, hann_half, zero_phase
from ...options import Choice, Given, Integer
from ...params import HIGHEST_FREQUENCY, EffectParam
from .taps import TapsFilter

_LOWEST_HZ, _HIGHEST_HZ = 20.0, 20000.0
_LONGEST = 1 << 18


class SpectralEqualizer(TapsFilter):
    """An equaliser of any curve, given in dB at points: what a network predicts best, since no band has to be found.

    Between the points the gain in dB is joined by straight lines over the logarithm of frequency, beyond the first and
    the last it goes on level. The curve is sampled, transformed to an impulse response, and cut by a Hann window to
    ``num_taps`` samples: by ``phase``

    - ``"zero"``: zero phase, N samples around the middle, with a declared latency of (N - 1) / 2 samples. Once that is
      made up for, no frequency is moved in time; sharp sounds ring before as well as after,
    - ``"minimum"``: minimum phase, as analogue filters have: the first N samples under a falling window, without
      latency; nothing rings before.

    A filter of N samples tells frequencies 2 sample_rate / N apart (86 Hz at 44.1 kHz by default): more bends in the
    bass want more taps.

    Raises:
        ValueError: for an even number of taps, or points that are not positive and rising, over 0.49 of the sample
            rate, or so near to each other that a transform of 262144 points does not tell them apart.

    References:
        A. V. Oppenheim, R. W. Schafer, Discrete-Time Signal Processing, 3rd ed., Pearson 2010, sections 7.5 (windows)
        and 13.5 (minimum phase).
        S. Lee et al., "GRAFX: an open-source library for audio processing graphs in PyTorch", DAFx 2024 (zero-phase FIR
        equaliser of predicted log magnitudes).
    """

    words = tuple(
        f"{{{side}point_#_gain_db:adds}} at {side}point #" for side in ("", "left_", "right_", "mid_", "side_")
    )
    options = {
        "points": Given(
            32,
            int | Sequence[float],
            "a number in 2 .. 1024, or frequencies in Hz, positive and rising",
            doc="Points of the curve: so many from 20 Hz to 20 kHz (or 0.49 of the sample rate), as far apart in "
            "octaves, or where they are.",
            check=lambda points: bool(_frequencies(points, _HIGHEST_HZ)),
        ),
        "num_taps": Integer(3, 16383, 1023, doc="N, the length of the filter, odd."),
        "phase": Choice("zero", "minimum", doc="Phase of the response."),
        **TapsFilter.options,
    }
    variants = (
        {"points": 5, "num_taps": 63},
        {"points": [100.0, 500.0, 3000.0], "num_taps": 41, "phase": "minimum", "layout": "stereo"},
        {"points": 2, "num_taps": 21, "layout": "mid_side"},
    )

    freqs_hz: tuple[float, ...]
    """Of the points, in Hz."""

    def rows(self) -> dict[str, EffectParam]:
        """A gain for every point."""
        if self.num_taps % 2 == 0:
            raise ValueError(f"num_taps must be odd, got {self.num_taps}")
        highest = HIGHEST_FREQUENCY * self.sample_rate
        self.freqs_hz = _frequencies(self.points, highest)
        if self.freqs_hz[-1] > highest:
            raise ValueError(
                f"a point at {self.freqs_hz[-1]:g} Hz lies over {highest:g} Hz, the highest at a sample rate of "
                f"{self.sample_rate:g} Hz"
            )
        self.taps = self.num_taps
        self.latency_samples = (self.taps - 1) // 2 if self.phase == "zero" else 0
        return {
            f"point_{i}_gain_db": EffectParam(-24.0, 24.0, 0.0, unit="dB", doc=f"Gain at {freq:g} Hz.")
            for i, freq in enumerate(self.freqs_hz, 1)
        }

    def prepare(self) -> None:
        """Where the samples of the curve lie between its points, and the window.

        Raises:
            ValueError: for points too near to each other.
        """
        super().prepare()
        self.neutral = dict.fromkeys(self.params, 0.0)
        edges = (0.0, *self.freqs_hz, self.sample_rate / 2)
        narrowest = min(high - low for low, _, high in zip(edges, edges[1:], edges[2:], strict=False))
        self.transform = max(4 * self.taps, math.ceil(self.sample_rate / narrowest))
        self.transform = 1 << (self.transform - 1).bit_length()
        if self.transform > _LONGEST:
            raise ValueError(f"points {narrowest:g} Hz apart are nearer than a transform of {_LONGEST} points can tell")
        bins = torch.arange(self.transform // 2 + 1, dtype=torch.float64) * (self.sample_rate / self.transform)
        places = torch.tensor(self.freqs_hz, dtype=torch.float64).log()
        at = bins.clamp_min(self.freqs_hz[0]).log().clamp(places[0], places[-1])
        after = torch.searchsorted(places, at).clamp(1, len(places) - 1)
        share = (at - places[after - 1]) / (places[after] - places[after - 1])
        half = hann_half(self._reach)
        window = about_the_middle(half) if self.phase == "zero" else half
        for name, value in {"_after": after, "_share": share, "_window": window}.items():
            self.register_buffer(name, value, persistent=False)

    def taps_of(self, curve: Tensor) -> Tensor:
        """Magnitude, response, window."""
        log_magnitude = NEPER_PER_DB * torch.lerp(curve[..., self._after - 1], curve[..., self._after], self._share)
        if self.phase == "minimum":
            return minimum_phase(log_magnitude)[..., : self._reach] * self._window
        return zero_phase(log_magnitude.exp(), self.transform, self._reach) * self._window

    @property
    def _reach(self) -> int:
        """Samples from the middle of the window to its end."""
        return (self.taps + 1) // 2 if self.phase == "zero" else self.taps


def _frequencies(points: int | Sequence[float], highest: float) -> tuple[float, ...]:
    """Of the points, in Hz.

    Raises:
        ValueError: for what is no number of points, and no frequencies.
    """
    if isinstance(points, int) and not isinstance(points, bool):
        if not 2 <= points <= 1024:
            raise ValueError("not so many")
        octaves = math.log(min(_HIGHEST_HZ, highest) / _LOWEST_HZ)
        return tuple(_LOWEST_HZ * math.exp(octaves * i / (points - 1)) for i in range(points))
    freqs = tuple(float(freq) for freq in points)  # pyright: ignore[reportGeneralTypeIssues]  # bool is none
    if len(freqs) < 2 or freqs[0] <= 0 or not math.isfinite(freqs[-1]):
        raise ValueError("not frequencies")
    if any(low >= high for low, high in itertools.pairwise(freqs)):
        raise ValueError("not rising")
    return freqs
