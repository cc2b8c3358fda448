"""Estimate of an echo's time from a dry and a wet signal."""

from __future__ import annotations

import torch
from torch import Tensor


def echo_ms(
    dry: Tensor, wet: Tensor, sample_rate: float, shortest_ms: float = 10.0, longest_ms: float = 2000.0
) -> float:
    """Time from a sound to its loudest echo, from an estimate of the response between ``dry`` and ``wet``.

    h = IFFT(Y X* / (|X|^2 + epsilon)), its largest magnitude between the two times. The division removes the rhythm and
    the pitch of the sound itself, which a correlation does not; ``epsilon`` is a thousandth of
    the mean of |X|^2, so that frequencies that the sound lacks do not count. Other processing (filters,
    distortion, slow changes of level) blurs the response but does not move the echo.

    Args:
        dry: (1, C, T); channels are averaged.
        wet: (1, C', T').
        sample_rate: in Hz.
        shortest_ms: shortest time considered.
        longest_ms: longest time considered, at most three quarters of the signal.

    Returns:
        Time in ms, to the sample.

    Raises:
        ValueError: for signals too short to hold an echo.

    References:
        C. H. Knapp, G. C. Carter, "The generalized correlation method for estimation of time delay", IEEE TASSP 24(4),
        1976 (the Roth processor).
    """
    x, y = (s[0].mean(0, keepdim=True) for s in (dry, wet))
    length = max(x.shape[-1], y.shape[-1])
    first = round(shortest_ms * sample_rate / 1000)
    last = min(round(longest_ms * sample_rate / 1000), 3 * length // 4)
    if last <= first:
        raise ValueError(f"{length} samples are too few to hold an echo of {shortest_ms:g} ms")
    (h,) = impulse_response(x, y)
    return float(first + int(h[first : last + 1].abs().argmax())) * 1000 / sample_rate


def impulse_response(dry: Tensor, wet: Tensor) -> Tensor:
    """The response that turns ``dry`` into ``wet`` best, as ``echo_ms`` says: (C, T) and (C', T) to (C', 2 T).

    Where channels differ in number the mean of ``dry`` counts.
    """
    if len(dry) != len(wet):
        dry = dry.mean(0, keepdim=True)
    length = max(dry.shape[-1], wet.shape[-1])
    X, Y = (torch.fft.rfft(s.detach().double(), 2 * length) for s in (dry, wet))
    power = X.abs().square()
    return torch.fft.irfft(Y * X.conj() / (power + 1e-3 * power.mean(-1, keepdim=True)).clamp_min(1e-20))
