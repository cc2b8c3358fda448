"""What two sounds say about filters: frequencies at which the colour of one differs most from the other's."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_PER_OCTAVE = 48
_LOWEST_HZ = 20.0
_WIDTHS = (1 / 32, 1 / 6)
"""Octaves over which energies are summed: narrow bells, and wide ones under the noise of short sounds."""
_AROUND = 1.0
"""Octaves over which a slope is taken for level."""
_FREQUENCIES = 12


def frequencies(before: Tensor, after: Tensor, rate: float) -> list[float]:
    """Frequencies in Hz at which the energy of a sound stands out or is missing, the farthest first.

    Args:
        before: (C, T).
        after: (C', T).
        rate: in Hz.
    """
    length = max(before.shape[-1], after.shape[-1])
    octaves = math.log2(0.49 * rate / _LOWEST_HZ)
    grid = torch.arange(int(octaves * _PER_OCTAVE), dtype=torch.float64, device=before.device) / _PER_OCTAVE
    found: list[tuple[float, float]] = []
    for width in _WIDTHS:
        levels = []
        for x in (before, after):
            power = torch.fft.rfft(x.double(), length).abs().square().sum(0)
            sums = torch.cat([power.new_zeros(1), power.cumsum(0)])
            # At least a bin on either side: at low frequencies there is nothing finer.
            centre = _LOWEST_HZ * 2**grid * length / rate
            reach = (centre * (2 ** (width / 2) - 1)).clamp_min(1.0)
            low, high = ((centre + side * reach).round().long().clamp(0, len(power)) for side in (-1, 1))
            levels.append((sums[high] - sums[low]) / (high - low).clamp_min(1) + 1e-9 * power.mean() + 1e-30)
        change = (levels[1] / levels[0]).log()
        beside = change - _mean(change, round(_AROUND * _PER_OCTAVE))
        for strength in (change.abs(), beside.abs()):
            peaks = ((strength[1:-1] > strength[:-2]) & (strength[1:-1] >= strength[2:])).nonzero()[:, 0] + 1
            best = peaks[strength[peaks].argsort(descending=True)[:_FREQUENCIES]]
            found += [(float(strength[n]), _LOWEST_HZ * 2 ** float(grid[n])) for n in best]
    kept: list[float] = []
    for _, freq in sorted(found, reverse=True):
        if all(abs(math.log2(freq / other)) > 2 / _PER_OCTAVE for other in kept):
            kept.append(freq)
    return kept[: 2 * _FREQUENCIES]


def _mean(x: Tensor, width: int) -> Tensor:
    sums = torch.cat([x.new_zeros(1), x.cumsum(0)])
    n = torch.arange(len(x), device=x.device)
    first, last = (n - width // 2).clamp_min(0), (n + width // 2 + 1).clamp_max(len(x))
    return (sums[last] - sums[first]) / (last - first)
