"""The period of a sound, by McLeod and Wyvill's pitch method."""

from __future__ import annotations

import torch
from torch import Tensor

_FIRST = 0.9
"""Share of the highest peak that the first has at least: an octave below has a peak as high, or nearly."""
_SILENT = 1e-10
"""Power under which nothing is clear: -100 dB."""


def clearest_period(frames: Tensor, shortest: int, longest: int) -> tuple[Tensor, Tensor]:
    r"""The period of frames, and how clear it is.

    .. math:: n[\tau] = \frac{2 \sum_j x_j x_{j+\tau}}{\sum_j x_j^2 + x_{j+\tau}^2}, \qquad 0 \le j < N - \tau

    The period is the first maximum of n that is at least 0.9 of the highest, between lags by a parabola, and the
    clarity its height: 1 for what repeats exactly, about 0 for noise and silence. The sums stand about the middle of
    the frame whatever the lag, so that is when the period is. Which maximum it is does not depend on the sound where
    that moves a little; where it lies, and how high, is differentiable.

    Args:
        frames: (..., C, M, N), float64; N at least 2 ``longest``. Channels share their period.
        shortest: samples, from 2 up.
        longest: samples.

    Returns:
        ``(period, clarity)``, each (..., M); the period in samples.

    References:
        P. McLeod, G. Wyvill, "A smarter way to find pitch", ICMC 2005.
    """
    N = int(frames.shape[-1])
    X = torch.fft.rfft(frames, n=_fast_size(N + longest + 1))
    power = (X.real.square() + X.imag.square()).sum(-3)
    r = torch.fft.irfft(torch.complex(power, torch.zeros_like(power)))[..., shortest - 1 : longest + 2]
    energy = torch.nn.functional.pad(frames.square().sum(-3).cumsum(-1), (1, 0))
    lag = torch.arange(shortest - 1, longest + 2, device=frames.device)
    m = energy[..., N - lag] + energy[..., -1:] - energy[..., lag]
    n = 2 * r / (m + 2 * N * _SILENT)
    left, height, right = n[..., :-2], n[..., 1:-1], n[..., 2:]
    with torch.no_grad():
        is_peak = (height > left) & (height >= right)
        peaks = torch.where(is_peak, height, -1.0)
        chosen = (is_peak & (peaks >= _FIRST * peaks.amax(-1, keepdim=True))).to(torch.uint8).argmax(-1, keepdim=True)
        found = is_peak.gather(-1, chosen)
    a, b, c = (row.gather(-1, chosen) for row in (left, height, right))
    bend = torch.where(found, 2 * b - a - c, 1.0)
    shift = torch.where(found, 0.5 * (c - a) / bend, 0.0)
    clarity = torch.where(found, b + 0.25 * (c - a) * shift, 0.0)
    return (chosen + shortest + shift).squeeze(-1), clarity.squeeze(-1)


def _fast_size(least: int) -> int:
    """The smallest power of two, or 9/8, 5/4 or 3/2 of one, that is even and not below ``least``."""
    power = 1 << max(least - 1, 15).bit_length()
    return next(n for n in (power // 16 * 9, power // 8 * 5, power // 4 * 3, power) if n >= least)
