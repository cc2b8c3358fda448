"""Integrated loudness, of a tensor and of a signal that comes in blocks."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor

from ..dsp.loudness import channel_weights, k_weighting
from ..recursion import sosfilt

_HOPS_A_BLOCK = 4
_HOP_SECONDS = 0.1
_ABSOLUTE_GATE = -70.0
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

    Example:
        >>> tone = torch.sin(2 * math.pi * 997 / 48000 * torch.arange(48000, dtype=torch.float64))
        >>> round(float(integrated_loudness(tone[None, None], 48000)), 2)
        -3.01
    """
    weighted = sosfilt(x.double(), k_weighting(sample_rate).to(x.device))
    ends = [0]
    while (end := _boundary(len(ends), sample_rate)) <= x.shape[-1]:
        ends.append(end)
    if len(ends) <= _HOPS_A_BLOCK:
        return x.new_full((x.shape[0],), -math.inf, dtype=torch.float64)
    lengths = [end - start for start, end in itertools.pairwise(ends)]
    hops = weighted[..., : ends[-1]].square().split(lengths, -1)
    return _gated(torch.stack([hop.sum(-1) for hop in hops], -1), sample_rate, mask, dual_mono)


class Loudness:
    """Integrated loudness in LUFS of a signal that comes in blocks; memory grows by a number per channel and 100 ms.

    Args:
        sample_rate: in Hz.
        channels: C.
        mask: channel mask, see :func:`diffFx_pytorch.dsp.loudness.channel_weights`.
        dual_mono: a mono signal is played by two speakers.

    References:
        ITU-R BS.1770-4, Algorithms to measure audio programme loudness and true-peak audio level, 2015.
    """

    def __init__(self, sample_rate: float, channels: int, *, mask: int | None = None, dual_mono: bool = False) -> None:
        self.sample_rate, self._mask, self._dual_mono = sample_rate, mask, dual_mono
        self._sos = k_weighting(sample_rate)
        self._state: Tensor | None = None
        self._rest = np.zeros((0, channels))
        self._energies: list[np.ndarray] = []
        self._start = 0

    def add(self, block: np.ndarray) -> None:
        """Add the next samples (T, C)."""
        x = torch.from_numpy(np.ascontiguousarray(block.T, dtype=np.float64))
        weighted, self._state = sosfilt(x, self._sos, self._state, return_zf=True)
        rest = np.concatenate([self._rest, weighted.numpy().T ** 2])
        while self._start + len(rest) >= (end := _boundary(len(self._energies) + 1, self.sample_rate)):
            self._energies.append(rest[: end - self._start].sum(axis=0))
            rest, self._start = rest[end - self._start :], end
        self._rest = rest

    def integrated(self) -> float:
        """Loudness of all samples so far in LUFS; minus infinity for silence and for less than 400 ms."""
        if len(self._energies) < _HOPS_A_BLOCK:
            return -math.inf
        energies = torch.from_numpy(np.stack(self._energies, -1))[None]
        return float(_gated(energies, self.sample_rate, self._mask, self._dual_mono))


def _gated(energies: Tensor, sample_rate: float, mask: int | None, dual_mono: bool) -> Tensor:
    """Loudness (B,) from the weighted energies of hops, (B, C, hops)."""
    weights = energies.new_tensor(channel_weights(energies.shape[1], mask, dual_mono=dual_mono))
    hops = (weights @ energies) / (_HOPS_A_BLOCK * _HOP_SECONDS * sample_rate)
    power = hops.unfold(-1, _HOPS_A_BLOCK, 1).sum(-1)
    loud = power > _power(_ABSOLUTE_GATE)
    mean = _mean(power, loud).unsqueeze(-1)
    loud = loud & (power > mean * 10.0 ** (_RELATIVE_GATE / 10.0))
    return -0.691 + 10.0 * _mean(power, loud).log10()


def _mean(power: Tensor, loud: Tensor) -> Tensor:
    return torch.where(loud, power, 0.0).sum(-1) / loud.sum(-1).clamp_min(1)


def _boundary(hop: int, sample_rate: float) -> int:
    return int(hop * _HOP_SECONDS * sample_rate)


def _power(level: float) -> float:
    return 10.0 ** ((level + 0.691) / 10.0)
