"""Noise that is drawn once, of triangular density, and read by blocks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SAMPLES = 1 << 18
_STRIDE = 162013
"""Where in the noise the next channel reads: far from every other of the first few hundred channels."""


def triangular_noise(seed: int) -> Tensor:
    """The difference of two uniform numbers in [0, 1), (``SAMPLES``,) float32: white, of variance 1 / 6."""
    # Numbers of 24 bits, whose difference float32 holds exactly: one noise for every dtype.
    first, second = np.random.default_rng(seed).random((2, SAMPLES), dtype=np.float32)
    return torch.from_numpy(first - second)


def noise_block(noise: Tensor, x: Tensor, position: Tensor | None) -> tuple[Tensor, Tensor]:
    """The noise of the next block, each channel its own; it comes again after ``SAMPLES`` samples.

    Args:
        noise: ``triangular_noise``.
        x: the block it goes with, (B, C, T).
        position: what the block before returned; None is the beginning.

    Returns:
        The noise (C, T), of the dtype of x, and the position after it.
    """
    position = torch.zeros((), dtype=torch.int64, device=x.device) if position is None else position
    n = position + torch.arange(x.shape[-1], device=x.device)
    channel = torch.arange(x.shape[1], device=x.device).unsqueeze(-1)
    return noise[(n + channel * _STRIDE) % SAMPLES].to(x.dtype), (position + x.shape[-1]) % SAMPLES
