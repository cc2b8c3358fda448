"""Signals, networks and sections, the same in every process."""

from __future__ import annotations

import torch
from torch import Tensor

import diffFx_pytorch.recursion as R


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


def between(low: float, high: float, *shape: int, seed: int = 1) -> Tensor:
    return low + (high - low) * torch.rand(*shape, dtype=torch.float64, generator=generator(seed))


def network(lines: int, inputs: int, outputs: int) -> list[Tensor]:
    """Delays, matrix, gains of inputs and outputs; the delays differ between two items."""
    matrix = torch.linalg.qr(noise(lines, lines, seed=11))[0] * 0.9
    delays = 40 + between(0, 17, 2, lines, seed=12).floor()
    return [delays, matrix, noise(lines, inputs, seed=13), noise(outputs, lines, seed=14)]


def few(samples: int) -> int:
    """Three blocks: filtered networks take the interpreter long."""
    return min(samples, 100)


def blocks(samples: int) -> int:
    """Four blocks at most where they are interpreted."""
    return samples if samples > 1000 else min(samples, 300)


def absorption(*shape: int) -> Tensor:
    """Second-order sections of a few hundred Hz and more, (*shape, 6)."""
    g = torch.tan(torch.pi * 300 * 30 ** between(0, 1, *shape, seed=15) / 48000)
    r, (h, b, low) = between(0.5, 1.5, *shape, seed=16), between(-0.5, 0.5, 3, *shape, seed=17)
    return R.svf_to_sos(torch.stack([g, r, h, b, low], -1))


def shelves(samples: int) -> Tensor:
    """First-order sections that move, (T, 3, 1, 6)."""
    pole = between(-0.7, -0.2, samples, 3, 1)
    zeros = torch.zeros_like(pole)
    return torch.stack([0.9 * (1 + pole), 0.1 * pole, zeros, zeros + 1, pole, zeros], -1)
