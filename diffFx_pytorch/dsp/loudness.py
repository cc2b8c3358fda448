"""The K-weighting of ITU-R BS.1770 at any rate, and the weights of channels by their place."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

ABSOLUTE_GATE = -70.0
"""In LUFS: what is quieter does not count."""

_SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
_TABLE_RATE = 48000.0
_ANCHOR_HZ = 997.0
_HIGHEST_HZ = 10000.0
"""Where the shelf has long reached its height."""

# Bits of a WAVEFORMATEXTENSIBLE channel mask.
_LFE, _BACK, _SIDE = 0x8, 0x30, 0x600
_USUAL = {4: 0x33, 5: 0x37, 6: 0x3F, 7: 0x70F, 8: 0x63F}
"""Masks of 4.0 (L R Ls Rs), 5.0, 5.1, 6.1 and 7.1 in the order of wav and flac, by number of channels."""


def channel_weights(channels: int, mask: int | None = None, *, dual_mono: bool = False) -> tuple[float, ...]:
    """Weights of the channels' powers: 1.41 at 60 to 120 degrees to the side, 0 for the LFE, 1 elsewhere.

    "Back" speakers of a layout without "side" ones are its surrounds, at 110 degrees; beside side ones they stand
    behind, at 135, and weigh 1.

    Args:
        channels: how many.
        mask: channel mask of the file (WAVEFORMATEXTENSIBLE), its bits in the order of the channels; None or 0, where
            it is not known, takes the usual order of 4.0, 5.0, 5.1, 6.1 and 7.1. Channels without a bit weigh 1.
        dual_mono: a single channel is played by two speakers, and is 3.01 dB louder.

    References:
        ITU-R BS.1770-4, 2015, tables 3 and 4. EBU Tech 3341, 2016 (dual mono).
    """
    if channels == 1 and dual_mono:
        return (2.0,)
    mask = mask or _USUAL.get(channels, 0)
    surround = mask & _SIDE or mask & _BACK
    places = [1 << bit for bit in range(32) if mask >> bit & 1][:channels]
    weights = [0.0 if place == _LFE else 1.41 if place & surround else 1.0 for place in places]
    return (*weights, *(1.0,) * (channels - len(weights)))


def lufs_from(power: Tensor) -> Tensor:
    """Loudness in LUFS of mean weighted powers, any shape."""
    return -0.691 + 10.0 * power.log10()


def power_of(lufs: float) -> float:
    """The mean weighted power of a loudness in LUFS."""
    return 10.0 ** ((lufs + 0.691) / 10.0)


def k_weighting(sample_rate: float) -> Tensor:
    """The K-weighting as two sections (2, 6), float64: a shelf of 4 dB and a high-pass at 38 Hz.

    BS.1770 gives coefficients for 48 kHz. Those of another rate have the same poles in continuous time,
    p^(48000 / f_s), and zeros by which the magnitude is that of 48 kHz exactly at 0 and 997 Hz and at 10 kHz or nine
    tenths of Nyquist: within 0.001 dB from 22.05 kHz up, 0.03 dB at 8 kHz. So a sine of 997 Hz at full scale in one
    channel reads -3.01 LKFS at every rate.

    Args:
        sample_rate: in Hz, over 2.3 kHz.

    References:
        ITU-R BS.1770-4, 2015, tables 1 and 2. M. Vicanek, "Matched second order digital filters", 2016.
    """
    if not sample_rate > 2.3 * _ANCHOR_HZ:
        raise ValueError(f"loudness needs a sample rate over 2.3 kHz, got {sample_rate!r}")
    freqs = np.array([0.0, _ANCHOR_HZ, min(_HIGHEST_HZ, 0.45 * sample_rate)])
    a = _poles_at(_SHELF[1], sample_rate)
    power = (_magnitude(*_SHELF, freqs, _TABLE_RATE) * _magnitude(a, (1.0,), freqs, sample_rate)) ** 2
    # |b0 + b1 / z + b2 / z^2|^2 is linear in (b0 + b1 + b2)^2, (b0 - b1 + b2)^2 and b0 b2.
    phi = np.sin(math.pi / sample_rate * freqs) ** 2
    P, M, product = np.linalg.solve(np.stack([1 - phi, phi, -16 * phi * (1 - phi)], 1), power)
    P, M = math.sqrt(P), math.sqrt(M)
    W = (P + M) / 2
    difference = math.sqrt(W * W - 4 * product)
    shelf = [(W + difference) / 2, (P - M) / 2, (W - difference) / 2, *a]
    a = _poles_at(_HIGH_PASS[1], sample_rate)
    b, at = np.array(_HIGH_PASS[0]), freqs[1:2]
    b = b * (_magnitude(*_HIGH_PASS, at, _TABLE_RATE) / _magnitude(b, a, at, sample_rate))
    return torch.tensor([shelf, [*b, *a]], dtype=torch.float64)


def _poles_at(a: tuple[float, ...], sample_rate: float) -> np.ndarray:
    return np.poly(np.roots(a).astype(complex) ** (_TABLE_RATE / sample_rate)).real


def _magnitude(
    b: tuple[float, ...] | np.ndarray, a: tuple[float, ...] | np.ndarray, freqs: np.ndarray, sample_rate: float
) -> np.ndarray:
    late = np.exp(-2j * math.pi / sample_rate * freqs)
    return np.abs(np.polyval(b[::-1], late) / np.polyval(a[::-1], late))
