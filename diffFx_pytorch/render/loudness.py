"""Loudness, of a tensor and of a signal that comes in blocks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..dsp.loudness import ABSOLUTE_GATE, channel_weights, k_weighting, lufs_from, power_of
from ..recursion import sosfilt

_HOPS_A_BLOCK = 4
_HOP_SECONDS = 0.1
_STEPS = 100
"""Windows begin at so many places a second: the loudest 400 ms are found within 5 ms."""

_RELATIVE_GATE = -10.0


def integrated_loudness(x: Tensor, sample_rate: float, *, mask: int | None = None, dual_mono: bool = False) -> Tensor:
    """Integrated loudness in LUFS by ITU-R BS.1770-4 of (B, C, T), as (B,) of float64; differentiable.

    Blocks of 400 ms every 100 ms, gated at -70 LUFS and 10 LU below what is left. Minus infinity, with a gradient of 0,
    for silence and for less than 400 ms.

    Args:
        x: (B, C, T).
        sample_rate: in Hz.
        mask: channel mask, see :func:`diffFx_pytorch.dsp.loudness.channel_weights`.
        dual_mono: a mono signal is played by two speakers.

    Examples:
        >>> tone = torch.sin(2 * math.pi * 997 / 48000 * torch.arange(48000, dtype=torch.float64))
        >>> round(float(integrated_loudness(tone[None, None], 48000)), 2)
        -3.01
    """
    powers = window_powers(x, sample_rate, _HOPS_A_BLOCK, mask=mask, dual_mono=dual_mono)
    return _gated(powers) if powers.shape[-1] else x.new_full((x.shape[0],), -math.inf, dtype=torch.float64)


def window_powers(
    x: Tensor, sample_rate: float, hops: int, *, mask: int | None = None, dual_mono: bool = False
) -> Tensor:
    """Mean weighted powers (B, windows), float64, of windows of ``hops`` times 100 ms, one every 100 ms.

    Args:
        x: (B, C, T).
        sample_rate: in Hz.
        hops: 4 for momentary loudness, 30 for short-term loudness.
        mask: as for ``integrated_loudness``, as the next.
        dual_mono: likewise.
    """
    weighted = sosfilt(x.double(), k_weighting(sample_rate).to(x.device))
    ends = [0]
    while (end := _boundary(len(ends), sample_rate, round(1 / _HOP_SECONDS))) <= x.shape[-1]:
        ends.append(end)
    if len(ends) <= hops:
        return weighted.new_zeros(x.shape[0], 0)
    lengths = [end - start for start, end in itertools.pairwise(ends)]
    energies = torch.stack([hop.sum(-1) for hop in weighted[..., : ends[-1]].square().split(lengths, -1)], -1)
    weights = energies.new_tensor(channel_weights(x.shape[1], mask, dual_mono=dual_mono))
    return ((weights @ energies) / (hops * _HOP_SECONDS * sample_rate)).unfold(-1, hops, 1).sum(-1)


class Loudness:
    """Loudness of a signal that comes in blocks; memory grows by a number per channel and 10 ms.

    Args:
        sample_rate: in Hz.
        channels: C.
        mask: channel mask, see :func:`diffFx_pytorch.dsp.loudness.channel_weights`.
        dual_mono: a mono signal is played by two speakers.

    References:
        ITU-R BS.1770-4, Algorithms to measure audio programme loudness and true-peak audio level, 2015. EBU Tech 3341
        (momentary and short-term loudness) and 3342 (loudness range), 2016.
    """

    def __init__(self, sample_rate: float, channels: int, *, mask: int | None = None, dual_mono: bool = False) -> None:
        self.sample_rate = sample_rate
        self._weights = np.array(channel_weights(channels, mask, dual_mono=dual_mono))
        self._sos = k_weighting(sample_rate)
        self._state: Tensor | None = None
        self._sum = np.zeros(channels)
        self._frames = 0
        self._powers: list[np.ndarray] = []

    def add(self, block: np.ndarray) -> None:
        """Add the next samples (T, C)."""
        if not len(block):
            return
        x = torch.from_numpy(np.ascontiguousarray(block.T, dtype=np.float64))
        weighted, self._state = sosfilt(x, self._sos, self._state, return_zf=True)
        squares = weighted.numpy() ** 2
        first = self._steps(self._frames)
        stop = self._frames + len(block)
        ends = [_boundary(n, self.sample_rate, _STEPS) for n in range(first + 1, self._steps(stop) + 1)]
        edges = np.array([0, *(end - self._frames for end in ends)])
        sums = np.add.reduceat(squares, edges[edges < len(block)], axis=1)
        sums[:, 0] += self._sum
        self._frames = stop
        self._sum = sums[:, -1] if edges[-1] < len(block) else np.zeros_like(self._sum)
        self._powers.append(self._weights @ sums[:, : len(ends)])

    def integrated(self) -> float:
        """Loudness of all samples so far in LUFS; minus infinity for silence and for less than 400 ms."""
        return programme_loudness([self.hops()])

    def hops(self) -> np.ndarray:
        """Mean weighted powers of the blocks of 400 ms, every 100 ms: what :func:`programme_loudness` gates."""
        return self.powers(_HOPS_A_BLOCK * _HOP_SECONDS, _HOP_SECONDS)

    def powers(self, seconds: float, every: float = 1 / _STEPS) -> np.ndarray:
        """Mean weighted powers of windows, from the first that is whole; both arguments are multiples of 10 ms."""
        width, step = round(seconds * _STEPS), round(every * _STEPS)
        total = np.concatenate([[0.0], *self._powers]).cumsum()
        starts = np.arange(0, len(total) - width, step)
        return np.maximum(total[starts + width] - total[starts], 0.0) / (seconds * self.sample_rate)

    def _steps(self, frames: int) -> int:
        """Number of places up to a length."""
        return math.ceil((frames + 1) * _STEPS / self.sample_rate) - 1


def programme_loudness(hops: Sequence[np.ndarray]) -> float:
    """Integrated loudness in LUFS of several sounds as if one followed the other, as that of an album is.

    Args:
        hops: of each, ``Loudness.hops``.
    """
    power = torch.from_numpy(np.concatenate(hops))[None]
    return float(_gated(power)) if power.numel() else -math.inf


def loudness_range(loudness: Loudness) -> float:
    """Loudness range in LU: from the 10th to the 95th percentile of short-term loudness, gated at -70 LUFS and -20 LU.

    References:
        EBU Tech 3342, Loudness range: a measure to supplement EBU R 128 loudness normalisation, 2016.
    """
    power = loudness.powers(3.0, _HOP_SECONDS)
    power = power[power > power_of(ABSOLUTE_GATE)]
    power = power[power > power.mean() / 100] if len(power) else power
    if not len(power):
        return 0.0
    low, high = np.percentile(lufs_of(power), (10, 95))
    return float(high - low)


def lufs_of(power: np.ndarray) -> np.ndarray:
    """Loudness in LUFS of mean weighted powers."""
    with np.errstate(divide="ignore"):
        return -0.691 + 10.0 * np.log10(power)


def _gated(power: Tensor) -> Tensor:
    """Loudness (B,) from the mean weighted powers of blocks, (B, blocks)."""
    loud = power > power_of(ABSOLUTE_GATE)
    mean = _mean(power, loud).unsqueeze(-1)
    loud = loud & (power > mean * 10.0 ** (_RELATIVE_GATE / 10.0))
    return lufs_from(_mean(power, loud))


def _mean(power: Tensor, loud: Tensor) -> Tensor:
    return torch.where(loud, power, 0.0).sum(-1) / loud.sum(-1).clamp_min(1)


def _boundary(count: int, sample_rate: float, a_second: int) -> int:
    return int(count * sample_rate / a_second)
