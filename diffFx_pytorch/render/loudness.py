"""Integrated loudness of a signal that comes in blocks."""

from __future__ import annotations

import math

import numpy as np
import torch

from ..recursion import sosfilt

_HOPS_A_BLOCK = 4
_HOP_SECONDS = 0.1
_ABSOLUTE_GATE = -70.0
_RELATIVE_GATE = -10.0
_SURROUND = {5: (1.0, 1.0, 1.0, 1.41, 1.41), 6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41)}


class Loudness:
    """Integrated loudness in LUFS: K-weighting, blocks of 400 ms every 100 ms, gated at -70 LUFS and 10 LU below.

    The weighting is pyloudnorm's; memory grows by one number per channel and 100 ms.

    Args:
        sample_rate: in Hz.
        channels: C; 5 and 6 are taken as L R C Ls Rs and L R C LFE Ls Rs, all else weighs alike.

    References:
        ITU-R BS.1770-4, Algorithms to measure audio programme loudness and true-peak audio level, 2015.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        # As slow to import as torch, and rarely used: loaded here.
        from pyloudnorm import IIRfilter

        self.sample_rate = sample_rate
        self._weights = np.array(_SURROUND.get(channels, (1.0,) * channels))
        stages = (
            IIRfilter(4.0, 1 / math.sqrt(2), 1500.0, sample_rate, "high_shelf"),
            IIRfilter(0.0, 0.5, 38.0, sample_rate, "high_pass"),
        )
        self._sos = torch.tensor(np.stack([np.concatenate([s.b * s.passband_gain, s.a]) for s in stages]))
        self._state: torch.Tensor | None = None
        self._rest = np.zeros((0, channels))
        self._energies: list[np.ndarray] = []
        self._start = 0

    def add(self, block: np.ndarray) -> None:
        """Add the next samples (T, C)."""
        x = torch.from_numpy(np.ascontiguousarray(block.T, dtype=np.float64))
        weighted, self._state = sosfilt(x, self._sos, self._state, return_zf=True)
        rest = np.concatenate([self._rest, weighted.numpy().T ** 2])
        while self._start + len(rest) >= (end := self._boundary(len(self._energies) + 1)):
            self._energies.append(rest[: end - self._start].sum(axis=0))
            rest, self._start = rest[end - self._start :], end
        self._rest = rest

    def integrated(self) -> float:
        """Loudness of all samples so far in LUFS; minus infinity for silence and for less than 400 ms."""
        if len(self._energies) < _HOPS_A_BLOCK:
            return -math.inf
        energies = np.stack(self._energies)
        blocks = np.lib.stride_tricks.sliding_window_view(energies, _HOPS_A_BLOCK, axis=0).sum(-1)
        power = blocks / (_HOPS_A_BLOCK * _HOP_SECONDS * self.sample_rate) @ self._weights
        power = power[power > _power(_ABSOLUTE_GATE)]
        if not len(power):
            return -math.inf
        power = power[power > _power(_level(power.mean()) + _RELATIVE_GATE)]
        return _level(power.mean())

    def _boundary(self, hop: int) -> int:
        return int(hop * _HOP_SECONDS * self.sample_rate)


def _level(power: float) -> float:
    return -0.691 + 10.0 * math.log10(power)


def _power(level: float) -> float:
    return 10.0 ** ((level + 0.691) / 10.0)
