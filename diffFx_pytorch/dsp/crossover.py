"""Linkwitz-Riley crossovers whose bands sum to an all-pass, whatever the frequencies."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant

_Q_INVERSE = math.sqrt(2.0)
"""1 / Q of the Butterworth section of which a fourth-order Linkwitz-Riley filter is the square."""


def linkwitz_riley(freqs_hz: Tensor, sample_rate: float) -> Tensor:
    """Sections of the bands between N - 1 crossover frequencies, as state variable filters for ``svfilt``.

    Band k is high-passed at every f_j below it, low-passed at f_k and, so that the bands stay in phase, all-passed at
    every f_j above it; a section is the square of, or the all-pass to, a Butterworth filter:

        H_k = prod_{j < k} HP_j^2  LP_k^2  prod_{j > k} AP_j,    LP_j^2 + HP_j^2 = AP_j,    sum_k H_k = prod_j AP_j.

    So the sum is flat in magnitude exactly, also where two crossovers meet.

    Args:
        freqs_hz: (..., N - 1) in ascending order, each in 0 .. 0.5 sample_rate.
        sample_rate: in Hz.

    Returns:
        (..., N, K, 5) float64, sections [g r h b l]; shorter bands are filled up with sections that do nothing.

    References:
        S. H. Linkwitz, "Active crossover networks for noncoincident drivers", JAES 24(1), 1976.
        P. Garde, "All-pass crossover systems", JAES 28(9), 1980.
    """
    g = torch.tan(math.pi * freqs_hz.double() / sample_rate)
    count = g.shape[-1]
    low, high, all_pass, nothing = (0, 0, 1), (1, 0, 0), (1, -_Q_INVERSE, 1), (1, _Q_INVERSE, 1)
    bands = []
    for k in range(count + 1):
        plan = [(j, high) for j in range(k) for _ in range(2)]
        if k < count:
            plan += [(k, low)] * 2 + [(j, all_pass) for j in range(k + 1, count)]
        bands.append(plan)
    longest = max(map(len, bands))
    filled = [plan + [(0, nothing)] * (longest - len(plan)) for plan in bands]
    order = constant(tuple(tuple(j for j, _ in plan) for plan in filled), torch.int64, g.device)
    mix = constant(tuple(tuple(kind for _, kind in plan) for plan in filled), g.dtype, g.device)
    g = g[..., order].unsqueeze(-1)
    rows = torch.cat([torch.full_like(mix[..., :1], _Q_INVERSE), mix], -1)
    return torch.cat([g, rows.expand(*g.shape[:-1], 4)], -1)
