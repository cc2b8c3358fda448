"""Responses symmetric about their middle, and windows for them."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def hann_half(reach: int) -> Tensor:
    """The second half of a Hann window that is zero ``reach`` samples from its middle, (reach,), float64."""
    return 0.5 + 0.5 * torch.cos(math.pi / reach * torch.arange(reach, dtype=torch.float64))


def about_the_middle(half: Tensor) -> Tensor:
    """A symmetric response (..., 2 reach - 1) of its second half (..., reach)."""
    return torch.cat((half[..., 1:].flip(-1), half), -1)


def zero_phase(magnitude: Tensor, transform: int, reach: int) -> Tensor:
    """The response (..., 2 reach - 1), symmetric about its middle, of a magnitude (..., transform / 2 + 1)."""
    h = torch.fft.irfft(magnitude, transform)
    return torch.cat((h[..., 1 - reach :], h[..., :reach]), -1)
