"""A loop of delays and a matrix in blocks of the shortest delay, in plain torch."""

from __future__ import annotations

import torch
from torch import Tensor


def shortest(delays: Tensor, none: int) -> int:
    """The shortest delay; ``none`` where there are no delays.

    Raises:
        ValueError: it is below 1.
    """
    least = int(delays.min()) if delays.numel() else none
    if least < 1:
        raise ValueError(f"a loop needs delays of at least 1 sample, got {least}")
    return least


def loop_states(matrix: Tensor, delays: Tensor, b: Tensor, samples: int) -> Tensor:
    """What enters the delays after an impulse: (..., I, N, samples) for A (..., N, N), m (..., N), B (..., N, I)."""
    lead = torch.broadcast_shapes(matrix.shape[:-2], delays.shape[:-1], b.shape[:-2])
    N, inputs = b.shape[-2:]
    block = shortest(delays, samples)
    A, m = matrix.unsqueeze(-3), delays.unsqueeze(-2).expand(*lead, inputs, N)
    x = (b.mT * 1).expand(*lead, inputs, N).unsqueeze(-1)
    while x.shape[-1] < samples:
        start = x.shape[-1]
        t = torch.arange(start, min(start + block, samples), device=x.device) - m.unsqueeze(-1)
        s = torch.where(t >= 0, x.gather(-1, t.clamp_min(0)), 0.0)
        x = torch.cat([x, A @ s], -1)
    return x[..., :samples]


def delayed(x: Tensor, delays: Tensor) -> Tensor:
    """What leaves the delays: x (..., I, N, T), each line m samples later."""
    t = torch.arange(x.shape[-1], device=x.device) - delays.unsqueeze(-2).unsqueeze(-1)
    t = t.expand(x.shape)
    return torch.where(t >= 0, x.gather(-1, t.clamp_min(0)), 0.0)


def loop_impulse(matrix: Tensor, delays: Tensor, b: Tensor, c: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """Responses (..., O, I, samples) for C (..., O, N), and what enters the delays."""
    x = loop_states(matrix, delays, b, samples)
    return (c.unsqueeze(-3) @ delayed(x, delays)).transpose(-3, -2), x
