"""Linkwitz-Riley crossovers whose bands sum to an all-pass, and those of linear phase, which sum to a delay."""

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


def zero_phase_bands(freqs_hz: Tensor, half_turns: Tensor, sample_rate: float) -> Tensor:
    """Magnitudes of all bands but the highest of ``linkwitz_riley``, which sum to 1 without its all-passes.

        L_j = 1 / (1 + (tan(w / 2) / tan(w_j / 2))^4),    H_k = prod_{j < k} (1 - L_j) L_k,    sum_k H_k = 1,

    which is the magnitude of LP_j^2, and 1 - L_j that of HP_j^2: what is left of 1 is the highest band.

    Args:
        freqs_hz: (..., N - 1) in ascending order, each in 0 .. 0.5 sample_rate.
        half_turns: w / 2 at which they are sampled, (F,), 0 .. pi / 2.
        sample_rate: in Hz.

    Returns:
        (..., N - 1, F) float64.

    References:
        S. P. Lipshitz, J. Vanderkooy, "A family of linear-phase crossover networks of high slope derived by time
        delay", JAES 31(1/2), 1983 (bands of linear phase that sum to a delay, by what one leaves of it).
    """
    middle = (math.pi * freqs_hz.double() / sample_rate).unsqueeze(-1)
    low, high = ((a.cos() * b.sin()) ** 4 for a, b in ((half_turns, middle), (middle, half_turns)))
    share, left, bands = low / (low + high), high / (low + high), []
    above = torch.ones_like(share[..., 0, :])
    for k in range(share.shape[-2]):
        bands.append(above * share[..., k, :])
        above = above * left[..., k, :]
    return torch.stack(bands, -2)
