"""Minimum phase from a magnitude, by the cepstrum."""

from __future__ import annotations

import torch
from torch import Tensor


def minimum_phase(log_magnitude: Tensor) -> Tensor:
    r"""The impulse response of minimum phase with a magnitude, differentiable.

    .. math:: h = \mathrm{IDFT}\{\exp(\mathrm{DFT}\{w c\})\}, \qquad c = \mathrm{IDFT}\{\ln |H|\}

    with w folding the cepstrum c onto positive times: 1 at 0 and half way round, 2 between, 0 after. The transform must
    be some times longer than the response, or the cepstrum overlaps itself.

    Args:
        log_magnitude: ln |H| at n / 2 + 1 frequencies from 0 to Nyquist, (..., n / 2 + 1), finite.

    Returns:
        (..., n), real.

    References:
        A. V. Oppenheim, R. W. Schafer, Discrete-Time Signal Processing, 3rd ed., Pearson 2010, section 13.5.
    """
    half = log_magnitude.shape[-1] - 1
    cepstrum = torch.fft.irfft(log_magnitude, 2 * half)
    folded = torch.cat((cepstrum[..., :1], 2 * cepstrum[..., 1:half], cepstrum[..., half : half + 1]), -1)
    return torch.fft.irfft(torch.fft.rfft(folded, 2 * half).exp(), 2 * half)
