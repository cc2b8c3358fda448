"""Filters of a third of an octave."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

_LOWEST, _HIGHEST = -16, 13
_POLES = (complex(-0.5, math.sqrt(0.75)), complex(-1.0, 0.0), complex(-0.5, -math.sqrt(0.75)))
"""Of a Butterworth low-pass of third order."""


def third_octave_centres(sample_rate: float) -> tuple[float, ...]:
    """Exact centres f = 1000 10^(k / 10) in Hz, 25 Hz .. 20 kHz, of the bands that end below half the sample rate.

    References:
        IEC 61260-1, Octave-band and fractional-octave-band filters, 2014, equation 2.
    """
    centres = (1000.0 * 10 ** (k / 10) for k in range(_LOWEST, _HIGHEST + 1))
    return tuple(f for f in centres if f * 10**0.05 < 0.49 * sample_rate)


def third_octaves(sample_rate: float) -> Tensor:
    """Band-passes of sixth order, (bands, 3, 6) float64: Butterworth's, -3 dB at the edges f 10^(+-1/20), 0 dB between.

    Args:
        sample_rate: in Hz.

    References:
        IEC 61260-1, 2014, class 1. The bilinear transformation, its frequencies prewarped to both edges.
    """
    bands = []
    for f in third_octave_centres(sample_rate):
        low, high = (math.tan(math.pi * f * 10**e / sample_rate) for e in (-0.05, 0.05))
        centre, half = math.sqrt(low * high), (high - low) / 2
        # s -> (s^2 + w0^2) / (s B): each pole of the low-pass becomes two.
        split = [half * p + sign * np.sqrt((half * p) ** 2 - centre**2 + 0j) for p in _POLES for sign in (1, -1)]
        late = (1 - 1j * centre) / (1 + 1j * centre)
        sections = []
        for z in ((1 + s) / (1 - s) for s in split if s.imag > 0):
            a = (1.0, -2 * z.real, abs(z) ** 2)
            gain = abs((a[0] + a[1] * late + a[2] * late**2) / (1 - late**2))
            sections.append([gain, 0.0, -gain, *a])
        bands.append(sections)
    return torch.tensor(bands, dtype=torch.float64)
