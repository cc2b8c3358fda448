"""Clocks of two recorders that run at different speeds: how much, and the wet recording as it had been on the other."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .modulation import vertex

_PARTS = 12
_SHORTEST = 8192
_LEAST = 0.3
_MOST = 2e-3
"""The fastest drift, as a share of time; a worse clock is no clock."""
_STRAIGHT = 0.1
"""Samples, and share of the drift inside a part, by which a part may lie off the line."""
_CLEAR = 0.3


def drift(sound: Tensor, wet: Tensor, least: float = _LEAST) -> float:
    """By how much the clock of the wet recording ran fast, as a share of time; 0 where no straight drift shows.

    The delay of each of a dozen parts is where its correlation with the other recording, whitened, is largest; a drift
    is a straight line through them that leaves nothing over.

    Args:
        sound: (1, C, T), what should line up with it.
        wet: (1, C', T').
        least: samples of drift over the whole that count.

    References:
        C. H. Knapp, G. C. Carter, "The generalized correlation method for estimation of time delay", IEEE TASSP 24(4),
        1976.
    """
    x, y = (s[0].detach().double().mean(0).cpu() for s in (sound, wet))
    T = min(len(x), len(y))
    length = 2 ** ((2 * T // _PARTS).bit_length() - 1)
    if length < _SHORTEST:
        return 0.0
    starts = [round(i * (T - length) / (_PARTS - 1)) for i in range(_PARTS)]
    centres, delays, weights = [], [], []
    for start in starts:
        delay, weight = _delay(x[start : start + length], y[start : start + length])
        if weight > _CLEAR:
            centres.append(start + length / 2)
            delays.append(delay)
            weights.append(weight)
    if len(delays) < _PARTS // 2:
        return 0.0
    slope, at_zero = np.polyfit(centres, delays, 1, w=weights)
    over = np.abs(np.array(delays) - at_zero - slope * np.array(centres))
    off = _STRAIGHT * (1 + abs(slope) * length)
    straight = np.median(over) < off and over.max() < 4 * off
    return float(slope) if straight and abs(slope) * T > least and abs(slope) < _MOST else 0.0


def without_drift(wet: Tensor, share: float) -> Tensor:
    """(1, C, T) resampled to the clock from which it drifted by ``share``: T (1 - share) samples, about."""
    import soxr

    moved = soxr.resample(np.ascontiguousarray(wet[0].T.cpu().numpy()), 1.0 + share, 1.0, quality="VHQ")
    return torch.from_numpy(np.ascontiguousarray(moved.T)).to(wet)[None]


def undrifted(sound: Tensor, wet: Tensor) -> tuple[Tensor, float]:
    """A wet recording on the clock of the other, and by how much its own ran fast: 0, and as it was, where none shows.

    What a slow sweep does to a sound looks like a drift to ``drift``; but only without a true one the whole of the two
    recordings correlates more sharply.

    Args:
        sound: (1, C, T), what should line up with it.
        wet: (1, C', T').
    """
    share = drift(sound, wet)
    if not share:
        return wet, 0.0
    share += drift(sound, without_drift(wet, share), least=0.0)  # what a fast drift blurred
    moved = without_drift(wet, share)
    return (moved, share) if _sharpness(sound, moved) > _sharpness(sound, wet) else (wet, 0.0)


def _sharpness(sound: Tensor, wet: Tensor) -> float:
    """The peak of the whitened correlation of two sounds, relative to all of it."""
    h = _whitened(*(s[0].double().mean(0).cpu() for s in (sound, wet)), fine=2)
    return float(h.abs().max() / h.norm().clamp_min(1e-30))


def _whitened(x: Tensor, y: Tensor, fine: int) -> Tensor:
    """The correlation of y with x, equally strong at all frequencies that they have, ``fine`` values a sample."""
    T = min(len(x), len(y))
    X, Y = (torch.fft.rfft(s[:T], 2 * T) for s in (x, y))
    cross = Y * X.conj()
    level = (X.abs() * Y.abs()).mean()
    return torch.fft.irfft(cross / (cross.abs() + 0.1 * level + 1e-20), fine * 2 * T)


def _delay(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Samples by which y comes after x, and which share of what their correlation has around it its peak holds."""
    length = len(x)
    window = torch.hann_window(length, dtype=x.dtype)
    fine = 8
    h = _whitened(x * window, y * window, fine)
    reach = fine * length // 8
    h = torch.cat([h[-reach:], h[: reach + 1]])
    at = int(h.abs().argmax())
    around = h[max(0, at - 8 * fine) : at + 8 * fine + 1].square().sum()
    return (vertex(h.abs(), at) - reach) / fine, float(around / h.square().sum().clamp_min(1e-30))
