"""Signals that several tests of phase retrieval share."""

import math

import numpy as np
import torch


def notes(length=6000, seed=0, click=3.0):
    """Three harmonic notes that start one after the other, a click and a floor of noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(length)
    x = 1e-4 * rng.standard_normal(length)
    for start, pitch in ((0, 0.021), (length // 4, 0.0337), (length // 2, 0.0515)):
        note = sum(np.sin(2 * math.pi * pitch * h * (t - start)) / h for h in range(1, 6))
        x += np.where(t >= start, note * np.exp(-(t - start) / 3000), 0)
    x[length // 3] += click
    return torch.tensor(x / 4)


def tones(*batch_shape, length=3000, dtype=torch.float64, fade=0.0):
    """A few gliding tones and a little noise, different in each item."""
    n = torch.arange(length, dtype=torch.float64)
    f = 0.02 + 0.3 * torch.rand(*batch_shape, 4, 1, dtype=torch.float64)
    x = (torch.sin(2 * torch.pi * f * n * (1 + n / length / 10)) * torch.exp(-fade * n / length)).sum(-2)
    return (x + 1e-3 * torch.randn(*batch_shape, length, dtype=torch.float64)).to(dtype)


def random_phase(A, seed=0):
    """A spectrum of the magnitude A and random phases."""
    turns = torch.rand(A.shape, dtype=A.dtype, generator=torch.Generator().manual_seed(seed))
    return torch.polar(A, 2 * torch.pi * turns)
