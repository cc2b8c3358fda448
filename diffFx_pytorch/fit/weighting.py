"""Filters before a loss, so that it weighs frequencies as the ear does."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

Kind = Literal["high_pass", "folded", "a_weighting"]


class Weighting(nn.Module):
    """A fixed filter over time, the same for both signals of a loss: ``loss(weigh(y), weigh(target))``.

    Args:
        kind: ``"high_pass"`` is x[n] - p x[n-1]; ``"folded"`` the folded differentiator x[n+1] - p x[n-1];
            ``"a_weighting"`` the curve A of sound level meters as a symmetric filter of ``taps`` samples.
        p: coefficient of the first two; 0.85 was found for 44.1 kHz.
        sample_rate: in Hz, for the third.
        taps: its length, odd.

    Shape:
        (..., T) to (..., T); zeros outside.

    Raises:
        ValueError: for another kind, or a length that is not odd.

    References:
        A. Wright, V. Valimaki, "Perceptual loss function for neural modelling of audio systems", ICASSP 2020.
        IEC 61672-1:2013, annex E (the curve A; its poles at 20.599, 107.653, 737.862 and 12194.217 Hz).
    """

    def __init__(
        self, kind: Kind = "high_pass", *, p: float = 0.85, sample_rate: float = 44100, taps: int = 101
    ) -> None:
        super().__init__()
        if kind not in get_args(Kind):
            raise ValueError(f"Weighting: kind must be {', '.join(map(repr, get_args(Kind)))}, got {kind!r}")
        if taps < 3 or taps % 2 == 0:
            raise ValueError(f"Weighting: taps must be odd and at least 3, got {taps!r}")
        if kind == "a_weighting":
            response = torch.from_numpy(_least_squares(_a_curve(sample_rate), taps))
        else:  # as a correlation, the oldest sample first
            response = torch.tensor([-p, 1.0, 0.0] if kind == "high_pass" else [-p, 0.0, 1.0], dtype=torch.float64)
        self.register_buffer("response", response, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The weighted signal."""
        response = self.get_buffer("response").to(x)[None, None]
        y = nn.functional.conv1d(x.reshape(-1, 1, x.shape[-1]), response, padding=response.shape[-1] // 2)
        return y.reshape(x.shape)


def _a_curve(sample_rate: float, points: int = 512) -> np.ndarray:
    """Magnitudes of the bilinear transform of the curve A, at ``points`` frequencies from 0 towards half the rate."""
    w = np.pi * np.arange(points) / points
    f = sample_rate / np.pi * np.tan(w / 2)  # what the bilinear transform puts at w
    magnitude = 10 ** (1.9997 / 20) * 12194.217**2 * f**4
    for pole in (20.598997, 20.598997, 107.65265, 737.86223, 12194.217, 12194.217):
        magnitude = magnitude / np.sqrt(f**2 + pole**2)
    return magnitude


def _least_squares(magnitude: np.ndarray, taps: int) -> np.ndarray:
    """The symmetric filter that comes nearest in the mean square to lines between every second pair of points.

    As ``scipy.signal.firls`` does with the points as edges of bands: between the second and third, the fourth and fifth
    and so on nothing is asked.
    """
    half = taps // 2
    edges = np.arange(len(magnitude)) / len(magnitude)
    start, stop, low, high = edges[0::2], edges[1::2], magnitude[0::2], magnitude[1::2]
    n = np.arange(taps)[:, None]
    q = (stop * np.sinc(n * stop) - start * np.sinc(n * start)).sum(-1)
    i, j = np.indices((half + 1, half + 1))
    slope = (high - low) / (stop - start)
    offset = low - start * slope
    n = n[: half + 1]
    b = stop * (slope * stop + offset) * np.sinc(n * stop) - start * (slope * start + offset) * np.sinc(n * start)
    b[0] -= slope * (stop**2 - start**2) / 2
    b[1:] += slope * (np.cos(n[1:] * np.pi * stop) - np.cos(n[1:] * np.pi * start)) / (n[1:] * np.pi) ** 2
    a = np.linalg.solve(q[np.abs(i - j)] + q[i + j], b.sum(-1))
    return np.concatenate((a[:0:-1], a[:1] * 2, a[1:]))
