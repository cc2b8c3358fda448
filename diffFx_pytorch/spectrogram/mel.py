"""The mel scale: a bank of triangular filters over the bins of a spectrum, and its inverse."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from .nnls import nnls
from .stft import STFT, Caching

_SLANEY_STEP = math.log(6.4) / 27
"""Above 1 kHz, Slaney's scale has 27 mels in each factor of 6.4; below, 15 in each kHz."""


def hz_to_mel(freq_hz: Tensor, scale: str = "slaney") -> Tensor:
    """Mels of frequencies: 2595 log10(1 + f / 700) ("htk"), or linear to 1 kHz and logarithmic above ("slaney")."""
    if scale == "htk":
        return 2595 * torch.log10(1 + freq_hz / 700)
    return torch.where(freq_hz < 1000, freq_hz * 0.015, 15 + (freq_hz.clamp_min(1000) / 1000).log() / _SLANEY_STEP)


def mel_to_hz(mel: Tensor, scale: str = "slaney") -> Tensor:
    """Frequencies of mels: the inverse of ``hz_to_mel``."""
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return torch.where(mel < 15, mel / 0.015, 1000 * ((mel - 15).clamp_min(0) * _SLANEY_STEP).exp())


@dataclass(frozen=True)
class MelScale(Caching):
    """M[k, t] = sum_f W[k, f] |X[f, t]|^power, W triangles whose corners are evenly spaced in mel.

    Args:
        n_mels: bands, K.
        sample_rate: in Hz.
        n_fft: N of the spectrum.
        f_min: lower corner of the first band, in Hz.
        f_max: upper corner of the last, in Hz; half the sample rate by default.
        norm: "slaney" gives every triangle the same area (height 2 / width in Hz), None the height 1.
        scale: "slaney" or "htk".
        power: of the magnitude: 1, or 2 for energies.

    Raises:
        ValueError: for numbers out of range, an unknown norm or scale.

    References:
        S. Young et al., The HTK Book, Cambridge University, 2006, section 5.4.
        M. Slaney, Auditory Toolbox, technical report 1998-010, Interval Research, 1998.
    """

    n_mels: int = 80
    sample_rate: float = 22050
    n_fft: int = 1024
    f_min: float = 0.0
    f_max: float = None  # pyright: ignore[reportAssignmentType]  # a float once built
    norm: Literal["slaney"] | None = "slaney"
    scale: Literal["slaney", "htk"] = "slaney"
    power: float = 1.0
    _cache: dict[Any, Tensor] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.f_max is None:
            object.__setattr__(self, "f_max", self.sample_rate / 2)
        for name, value in (("n_mels", self.n_mels), ("n_fft", self.n_fft)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"MelScale: {name} must be a positive integer. Got {value!r}.")
        if not self.sample_rate > 0:
            raise ValueError(f"MelScale: sample_rate must be positive. Got {self.sample_rate!r}.")
        if not 0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError(
                f"MelScale: 0 <= f_min < f_max <= {self.sample_rate / 2:g} Hz (half the sample rate) must hold. "
                f"Got f_min={self.f_min!r}, f_max={self.f_max!r}."
            )
        for name, value, legal in (("norm", self.norm, ("slaney", None)), ("scale", self.scale, ("slaney", "htk"))):
            if value not in legal:
                raise ValueError(f"MelScale: {name} must be {legal[0]!r} or {legal[1]!r}. Got {value!r}.")
        if not self.power > 0:
            raise ValueError(f"MelScale: power must be positive. Got {self.power!r}.")
        empty = int((self._filters64().amax(-1) == 0).sum())
        if empty:
            warnings.warn(
                f"MelScale: {empty} of {self.n_mels} bands hold no bin of n_fft={self.n_fft} and are always zero; take "
                "fewer bands or a larger n_fft.",
                stacklevel=3,
            )

    @property
    def bins(self) -> int:
        """Frequencies of the spectrum: N // 2 + 1."""
        return self.n_fft // 2 + 1

    def filters(self, like: Tensor) -> Tensor:
        """W, (K, F), in the real dtype and on the device of ``like``."""
        return self._cached("filters", like, self._filters64)

    def back(self, like: Tensor) -> Tensor:
        """The pseudo-inverse of W, (F, K): M to the smallest change of |X|^power that makes it."""
        return self._cached("back", like, lambda: torch.linalg.pinv(self._filters64()))

    def forward(self, magnitude: Tensor) -> Tensor:
        """The mel spectrum.

        Args:
            magnitude: (..., F, T), real.

        Returns:
            (..., K, T).

        Raises:
            ValueError: for a complex spectrum, or a wrong number of bins.
        """
        if magnitude.is_complex():
            raise ValueError("MelScale: the magnitude must be real; take .abs() of a complex spectrum.")
        if magnitude.dim() < 2 or magnitude.shape[-2] != self.bins:
            raise ValueError(
                f"MelScale: n_fft={self.n_fft} has {self.bins} bins; the magnitude must be (..., {self.bins}, T). Got "
                f"{tuple(magnitude.shape)}."
            )
        return self.filters(magnitude) @ (magnitude if self.power == 1 else magnitude.pow(self.power))

    def inverse(self, mel: Tensor, n_iter: int = 100) -> Tensor:
        """A magnitude with this mel spectrum, or with the nearest there is: non-negative least squares.

        Args:
            mel: (..., K, T), non-negative.
            n_iter: see ``nnls``.

        Returns:
            (..., F, T). Bins that no band holds are zero.

        Raises:
            ValueError: for a complex, negative or NaN mel spectrum, or a wrong number of bands.
        """
        self.check(mel)
        powers = nnls(self.filters(mel), mel, n_iter)
        return powers if self.power == 1 else powers.pow(1 / self.power)

    def check(self, mel: Tensor) -> None:
        """Refuse what cannot be a mel spectrum of this scale.

        Raises:
            ValueError: as ``inverse``.
        """
        if mel.is_complex() or not mel.is_floating_point():
            raise ValueError(f"MelScale: a mel spectrum must be real floating point. Got {mel.dtype}.")
        if mel.dim() < 2 or mel.shape[-2] != self.n_mels:
            raise ValueError(
                f"MelScale: a mel spectrum must be (..., {self.n_mels}, T), n_mels={self.n_mels}. Got "
                f"{tuple(mel.shape)}."
            )
        if not mel.isfinite().all():
            raise ValueError("MelScale: the mel spectrum has NaN or infinite values.")
        if (mel < 0).any():
            raise ValueError(
                f"MelScale: a mel spectrum must not be negative. Got {float(mel.min()):.3g}; if it is in dB or a "
                "logarithm, undo that first."
            )

    def check_transform(self, stft: STFT) -> None:
        """Refuse a transform whose bins are not this scale's.

        Raises:
            ValueError: with the n_fft that fits.
        """
        if stft.bins != self.bins or stft.n_fft != self.n_fft:
            raise ValueError(f"MelScale: built for n_fft={self.n_fft}, and the STFT has n_fft={stft.n_fft}.")

    def _filters64(self) -> Tensor:
        f = torch.arange(self.bins, dtype=torch.float64) * (self.sample_rate / self.n_fft)
        low, high = hz_to_mel(torch.tensor([self.f_min, self.f_max], dtype=torch.float64), self.scale)
        corners = mel_to_hz(torch.linspace(float(low), float(high), self.n_mels + 2, dtype=torch.float64), self.scale)
        left, centre, right = (corners[i : self.n_mels + i].unsqueeze(-1) for i in range(3))
        W = torch.minimum((f - left) / (centre - left), (right - f) / (right - centre)).clamp_min(0)
        return W if self.norm is None else W * (2 / (right - left))
