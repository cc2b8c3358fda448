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
        self.n_fft, self.hop = n_fft, n_fft // 2 if bands is None else n_fft
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


class Responses:
    """Spectra of responses from dry to sounds, H = Y X* / (|X|^2 + epsilon): without the dry sound's own colour.

    Features of the same sounds share them.

    Args:
        dry: (1, C, T).
        samples: length of the sounds.
        channels: of the sounds; where they are not those of ``dry`` its mean counts.
    """

    def __init__(self, dry: Tensor, samples: int, channels: int) -> None:
        self.length = 1024 * math.ceil(samples / 1024)  # quick to transform
        dry = dry if dry.shape[1] == channels else dry.mean(1, keepdim=True)
        X = torch.fft.rfft(dry[..., :samples], self.length)
        power = X.real.square() + X.imag.square()
        self.inverse = X.conj() / (power + 3e-3 * power.mean() + 1e-20)
        self._sounds: Tensor | None = None
        self._spectra = X

    def __call__(self, y: Tensor) -> Tensor:
        """(B, C, T) to (B, C, bins)."""
        if self._sounds is not y:
            self._sounds, self._spectra = y, torch.fft.rfft(y, self.length) * self.inverse
        return self._spectra


class LowResponse:
    """The response from dry to a sound below a frequency, and in its first moments.

    The lower the frequency, the farther off a delay is still drawn to its place, moving ones included; the shorter the
    moment, the farther off the size of a room.

    Args:
        responses: what is compared.
        rate: in Hz.
        top_hz: where a slope to silence, an octave long, ends.
        seconds: what is compared of the response; None is all of it.
    """

    def __init__(self, responses: Responses, rate: float, top_hz: float, seconds: float | None = None) -> None:
        self.responses = responses
        n = min(math.ceil(top_hz * responses.length / rate), responses.length // 2 + 1)
        k = torch.arange(n, device=responses.inverse.device) / n
        self.slope = (0.5 + 0.5 * torch.cos(math.pi * (2 * k - 1).clamp(0.0, 1.0))).to(responses.inverse.real)
        self.kept = None if seconds is None else max(8, math.ceil(seconds * 2 * top_hz))

    def __call__(self, y: Tensor) -> Tensor:
        """(B, C, T) to (B, N)."""
        H = self.responses(y)[..., : len(self.slope)] * self.slope
        if self.kept is None:
            return torch.view_as_real(H).flatten(1)
        return torch.fft.irfft(H, 2 * len(self.slope))[..., : self.kept].flatten(1)


class Decay:
    """How the response from dry to a sound dies away: logarithms of its energy by octave and moment.

    Args:
        responses: what is compared.
        like: the sound that is looked for, (1, C, T): 60 dB under the loudest differences do not count.
    """

    def __init__(self, responses: Responses, like: Tensor) -> None:
        self.responses = responses
        self.spectrum = LogSpectrum(self._response(like), 1024, bands=12)

    def __call__(self, y: Tensor) -> Tensor:
        """(B, C, T) to (B, N)."""
        return self.spectrum(self._response(y))

    def _response(self, y: Tensor) -> Tensor:
        h = torch.fft.irfft(self.responses(y), self.responses.length)
        return h[..., : 3 * self.responses.length // 4]
