"""The envelope of a spectrum, without the lines between whose tips it runs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_STEPS = 6


def lifter_of(order: int, points: int, device: torch.device | None = None) -> Tensor:
    """Weights of the cepstrum of ``points`` samples, (points,) float64: half a Hann window, 0 from ``order`` on."""
    n = torch.arange(points, dtype=torch.float64, device=device)
    time = torch.minimum(n, points - n)
    return torch.where(time < order, 0.5 + 0.5 * torch.cos(math.pi / order * time), 0.0)


def true_envelope(level: Tensor, lifter: Tensor, steps: int = _STEPS) -> Tensor:
    """Smooth a logarithmic spectrum through its peaks.

    A smoothed spectrum lies between peaks and valleys. Where it is above the spectrum it takes its place, and what that
    gives is smoothed again: the valleys fill, and the curve comes to lie on the peaks.

        A_0 = level,   V_i = lifted(A_i),   A_(i+1) = max(level, V_i)

    Args:
        level: logarithm of the magnitudes (..., N / 2 + 1).
        lifter: weights of the cepstrum (N,), ``lifter_of``.
        steps: how often; by 6 the peaks of a voice are met within 2 dB.

    Returns:
        (..., N / 2 + 1).

    References:
        A. Roebel, X. Rodet, "Efficient spectral envelope estimation and its application to pitch shifting and envelope
        preservation", DAFx 2005, section 3.
    """
    target = smooth = level
    for step in range(steps):
        target = torch.maximum(level, smooth) if step else level
        cepstrum = torch.fft.irfft(torch.complex(target, torch.zeros_like(target)), n=lifter.shape[-1])
        smooth = torch.fft.rfft(cepstrum * lifter).real
    return smooth
