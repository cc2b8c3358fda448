"""What a network hears: the level of a sound in bands, frame by frame."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ..dsp.power_spectrogram import power_spectrogram
from ..spectrogram.mel import hz_to_mel, mel_to_hz

Scale = Literal["log", "mel"]


class LogBands(nn.Module):
    """Level in dB of triangular bands, per frame: a log-mel spectrogram, or one with bands of equal width in octaves.

    L[b, m] = 10 log10(sum_k W[b, k] |X[k, m]|^2 + floor^2).

    Args:
        sample_rate: in Hz.
        bands: number of bands.
        n_fft: window in samples; the hop is a quarter of it.
        low_hz: centre of the lowest band.
        high_hz: centre of the highest band; None is 0.45 of the sample rate.
        floor_db: level of silence.
        scale: axis on which centres stand evenly: "log" (octaves) or "mel" (Slaney's).

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
        scale: Scale = "log",
    ) -> None:
        super().__init__()
        self.n_fft, self.floor = n_fft, 10.0 ** (floor_db / 10.0)
        high_hz = 0.45 * sample_rate if high_hz is None else high_hz
        if not 0 < low_hz < high_hz < sample_rate / 2:
            raise ValueError(f"LogBands: bands must lie in 0 .. {sample_rate / 2:g} Hz, got {low_hz:g} .. {high_hz:g}")
        if scale not in get_args(Scale):
            raise ValueError(f"LogBands: scale must be 'log' or 'mel', got {scale!r}")
        if scale == "log":
            centres = torch.logspace(math.log10(low_hz), math.log10(high_hz), bands)
            width = centres * ((high_hz / low_hz) ** (1 / max(1, bands - 1)) - 1)
        else:
            ends = hz_to_mel(torch.tensor([low_hz, high_hz], dtype=torch.float64))
            step = (ends[1] - ends[0]) / max(1, bands - 1)
            centres, above = (mel_to_hz(ends[0] + step * (torch.arange(bands) + i)) for i in (0, 1))
            width = above - centres
        freqs = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1)
        # Below a few hundred Hz bands are narrower than a spectral line: none may fall between two lines.
        width = width.clamp_min(sample_rate / n_fft)
        weights = (1 - (freqs - centres[:, None]).abs() / width[:, None]).clamp_min(0.0)
        self.register_buffer("weights", weights.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Levels in dB of ``x``."""
        power = power_spectrogram(x, self.n_fft)
        return 10 * (self.weights.to(power) @ power + self.floor).log10()
