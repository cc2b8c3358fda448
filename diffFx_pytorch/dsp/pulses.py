"""Trains of pulses with nothing above a frequency."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_NEAR = 1e-7


def pulse_train(phase: Tensor, harmonics: Tensor) -> Tensor:
    r"""Cosines of equal amplitude, :math:`\sum_{k=1}^{m} \cos 2 \pi k \varphi`, by their closed form.

    .. math:: \tfrac12 \Big( \frac{\sin (2 m + 1) \pi \varphi}{\sin \pi \varphi} - 1 \Big)

    Of a number that is not whole, m + r, the last harmonic m + 1 has a share of r: so none appears at once where the
    pitch moves. Differentiable.

    Args:
        phase: in turns, any shape; float64 where there are many harmonics.
        harmonics: their number, at least 1; it broadcasts.

    References:
        T. Stilson, J. O. Smith, "Alias-free digital synthesis of classic analog waveforms", ICMC 1996.
    """
    whole = harmonics.detach().floor()
    phase = phase - phase.detach().round()
    sine = (math.pi * phase).sin()
    far = sine.abs() > _NEAR
    ratio = ((2 * whole + 1) * (math.pi * phase)).sin() / torch.where(far, sine, 1.0)
    train = torch.where(far, 0.5 * (ratio - 1), whole)
    return train + (harmonics - whole) * (2 * math.pi * (whole + 1) * phase).cos()
