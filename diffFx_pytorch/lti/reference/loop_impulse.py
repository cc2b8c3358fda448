"""A loop of delays and a matrix, one sample at a time."""

from __future__ import annotations

import torch
from torch import Tensor


def loop_impulse(matrix: Tensor, delays: list[int], b: Tensor, c: Tensor, samples: int) -> Tensor:
    """h[t] = C s[t], s_j[t] = x_j[t - m_j], x[t] = A s[t] + B delta[t]: (outputs, inputs, samples)."""
    silence = torch.zeros_like(b[0])
    x: list[Tensor] = []
    h = []
    for t in range(samples):
        s = torch.stack([x[t - m][j] if t >= m else silence for j, m in enumerate(delays)])
        x.append(matrix @ s + (b if t == 0 else 0.0))
        h.append(c @ s)
    return torch.stack(h, -1)
