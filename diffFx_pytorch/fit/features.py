"""What of two sounds is compared: from features that see far to the waveform, which is exact."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ..dsp.power_spectrogram import power_spectrogram
from .losses import emphasised

Feature = Callable[[Tensor], Tensor]
"""From sounds (B, C, T) to what is compared of them, (B, N): differences are squared and summed."""


class Waveform:
    """The samples themselves, after x[n] - p x[n-1]: exact, and blind to all but the nearest settings.

    Args:
        pre_emphasis: p. Music is loud in the bass; without it the treble hardly counts.
    """

    def __init__(self, pre_emphasis: float = 0.9) -> None:
        self.pre_emphasis = pre_emphasis

    def __call__(self, y: Tensor) -> Tensor:
        """(B, C, T) to (B, C T)."""
        return emphasised(y, self.pre_emphasis).flatten(1)


class LogSpectrum:
    """Logarithms of short-time powers, by bin or by band: blind to phase, so it sees far.

    Args:
        like: the sound that is looked for, (1, C, T): 60 dB under its loudest bin differences do not count.
        n_fft: length of the transform.
        bands: None keeps the bins; a number sums them to bands, as wide as bins below and in ratios above.
    """

    def __init__(self, like: Tensor, n_fft: int = 1024, bands: int | None = None) -> None:
        self.n_fft = n_fft
        self.hop = n_fft // 4 if bands is None else n_fft // 2
        self.edges = None
        if bands is not None:
            self.edges = (
                torch.logspace(0, math.log10(n_fft // 2 + 1), bands + 1).round().long().unique().to(like.device)
            )
        self.floor = 0.0
        self.floor = 1e-6 * float(self._powers(like).max()) + 1e-16

    def __call__(self, y: Tensor) -> Tensor:
        """(B, C, T) to (B, C frames bands)."""
        return (self._powers(y) + self.floor).log().flatten(1)

    def _powers(self, y: Tensor) -> Tensor:
        y = F.pad(y, (0, max(0, self.n_fft - y.shape[-1])))
        powers = power_spectrogram(y, self.n_fft, self.hop)
        if self.edges is None:
            return powers
        sums = F.pad(powers.cumsum(-2), (0, 0, 1, 0))
        return (sums[..., self.edges[1:], :] - sums[..., self.edges[:-1], :]).clamp_min(0.0)


class EchoPattern:
    """Where echoes are and how loud, frame by frame: the response from dry to wet, its lags blurred.

    |h|^2 with h = IFFT(Y X* / (|X|^2 + epsilon)) of each frame, blurred by a bell along the lag and compressed: the
    wider the bell, the farther off an echo is still drawn to its place, moving echoes included.

    Args:
        dry: (1, C, T).
        like: the sound that is looked for, (1, C', T).
        blur: width of the bell in samples.
        n_fft: length of a frame; echoes up to half of it are seen.
    """

    def __init__(self, dry: Tensor, like: Tensor, blur: float, n_fft: int = 4096) -> None:
        self.n_fft, self.hop = n_fft, n_fft // 4
        self.stride = max(1, round(blur / 2))
        lags = torch.arange(-round(3 * blur), round(3 * blur) + 1, device=like.device)
        bell = torch.exp(-0.5 * (lags / blur).square())
        self.bell = (bell / bell.sum()).to(like)[None, None]
        dry = dry if dry.shape[1] == like.shape[1] else dry.mean(1, keepdim=True)
        X = self._spectra(dry[..., : like.shape[-1]])
        power = X.real.square() + X.imag.square()
        self.inverse = X.conj() / (power + 1e-3 * power.mean() + 1e-20)
        self.floor = 0.0
        self.floor = 1e-4 * float(self._pattern(like).max()) + 1e-20

    def __call__(self, y: Tensor) -> Tensor:
        """(B, C, T) to (B, C frames lags)."""
        return (self._pattern(y) + self.floor).sqrt().sqrt().flatten(1)

    def _pattern(self, y: Tensor) -> Tensor:
        h = torch.fft.irfft(self._spectra(y) * self.inverse, dim=-1)[..., : self.n_fft // 2].square()
        blurred = F.conv1d(
            h.reshape(-1, 1, h.shape[-1]), self.bell, stride=self.stride, padding=self.bell.shape[-1] // 2
        )
        return blurred.reshape(*h.shape[:3], -1)

    def _spectra(self, y: Tensor) -> Tensor:
        y = F.pad(y, (0, max(0, self.n_fft - y.shape[-1])))
        window = torch.hann_window(self.n_fft).to(y)
        return torch.fft.rfft(y.unfold(-1, self.n_fft, self.hop) * window)
