"""A small reference controller: a network that predicts knob positions from a sound."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from ..dsp.power_spectrogram import power_spectrogram
from ..processor import Processor
from .knobs import FreeKnobs


class LogBands(nn.Module):
    """Level in dB of triangular bands evenly spaced on a logarithmic frequency axis, per frame.

    L[b, m] = 10 log10(sum_k W[b, k] |X[k, m]|^2 + floor^2).

    Args:
        sample_rate: in Hz.
        bands: number of bands.
        n_fft: window in samples; the hop is a quarter of it.
        low_hz: centre of the lowest band.
        high_hz: centre of the highest band; None is 0.45 of the sample rate.
        floor_db: level of silence.

    Shape:
        (B, C, T) to (B, C, bands, frames).
    """

    weights: Tensor

    def __init__(
        self,
        sample_rate: float,
        bands: int = 48,
        n_fft: int = 2048,
        low_hz: float = 40.0,
        high_hz: float | None = None,
        floor_db: float = -90.0,
    ) -> None:
        super().__init__()
        self.n_fft, self.floor = n_fft, 10.0 ** (floor_db / 10.0)
        high_hz = 0.45 * sample_rate if high_hz is None else high_hz
        if not 0 < low_hz < high_hz < sample_rate / 2:
            raise ValueError(f"LogBands: bands must lie in 0 .. {sample_rate / 2:g} Hz, got {low_hz:g} .. {high_hz:g}")
        centres = torch.logspace(math.log10(low_hz), math.log10(high_hz), bands)
        freqs = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1)
        # Below a few hundred Hz bands are narrower than a spectral line: none may fall between two lines.
        width = (centres * ((high_hz / low_hz) ** (1 / max(1, bands - 1)) - 1)).clamp_min(sample_rate / n_fft)
        self.register_buffer("weights", (1 - (freqs - centres[:, None]).abs() / width[:, None]).clamp_min(0.0).float())

    def forward(self, x: Tensor) -> Tensor:
        """Levels in dB of ``x``."""
        power = power_spectrogram(x, self.n_fft)
        return 10 * (self.weights.to(power) @ power + self.floor).log10()


class SpectralController(nn.Module):
    """A network that predicts knob positions from a sound: band levels, their statistics over time, a perceptron.

    The statistics are what knobs act on: the mean level of every band (equalisers), its standard deviation over time
    (compressors, expanders), and its mean change from frame to frame (attacks, tremolo).

    Args:
        fx: the effect to control.
        frozen: names of the knobs that stay at their defaults, or a dict of name to value in its unit.
        free: names of the knobs to turn, instead of ``frozen``.
        bands: of the features.
        hidden: width of the two hidden layers.

    Shape:
        wet (B, C, T), and dry of the same shape where given, to ``norm_params`` (B, P).

    References:
        C. J. Steinmetz, N. J. Bryan, J. D. Reiss, "Style transfer of audio effects with differentiable signal
        processing", JAES 70(9), 2022 (a network that drives differentiable effects).
    """

    def __init__(
        self,
        fx: Processor,
        frozen: Iterable[str] | Mapping[str, float] = (),
        free: Iterable[str] | None = None,
        *,
        bands: int = 48,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        self.knobs = FreeKnobs(fx, frozen, free)
        self.levels = LogBands(fx.sample_rate, bands)
        self.network = nn.Sequential(
            nn.Linear(3 * bands, hidden),
            nn.GELU(),
            nn.LayerNorm(hidden),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.LayerNorm(hidden),
            nn.Linear(hidden, len(self.knobs.names)),
        )

    def features(self, x: Tensor) -> Tensor:
        """Statistics of the band levels, mean over channels, about unit size: (B, C, T) to (B, 3 bands)."""
        levels = self.levels(x).mean(1)
        mean, deviation = levels.mean(-1), levels.std(-1, correction=0)
        change = levels.diff(dim=-1).abs().mean(-1) if levels.shape[-1] > 1 else torch.zeros_like(mean)
        return torch.cat([(mean + 50) / 20, (deviation - 10) / 5, (change - 3) / 2], 1)

    def forward(self, x: Tensor) -> Tensor:
        """Knob positions for the sound ``x``."""
        return self.knobs(torch.sigmoid(self.network(self.features(x))))
