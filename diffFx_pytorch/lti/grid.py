"""Grids that systems are sampled on: points of the z-plane, on a circle for FFTs or anywhere for probes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from .ops import delay_response, sos_at, sos_response
from .ops.delay_response import log_gamma
from .ops.layout import REAL_OF

_COMPLEX = {real: complex_ for complex_, real in REAL_OF.items()}


def complex_dtype(real: torch.dtype) -> torch.dtype:
    """Return the complex type whose parts are ``real``.

    Raises:
        TypeError: for a type that is not float32 or float64.
    """
    if real not in _COMPLEX:
        raise TypeError(f"systems are sampled in float32 or float64, got {real}; cast with .float() or .double()")
    return _COMPLEX[real]


class Grid(ABC):
    """Points z_0 .. z_{M-1} at which responses are taken; the points are the last axis of responses."""

    dtype: torch.dtype
    """Complex type of the responses."""
    device: torch.device
    size: int
    """M, the number of points."""

    @property
    @abstractmethod
    def z(self) -> Tensor:
        """The points, (M,), complex128."""

    @abstractmethod
    def delay(self, samples: Tensor) -> Tensor:
        """Return z^-m of delays m in samples (...,), whole (integer dtype: exact) or not: (..., M)."""

    @abstractmethod
    def fir(self, taps: Tensor) -> Tensor:
        """Return sum_n h[n] z^-n of real taps (..., L): (..., M)."""

    @abstractmethod
    def sos(self, sections: Tensor) -> Tensor:
        """Return the product of S sections (..., S, 6), rows b0 b1 b2 a0 a1 a2, float64 for accuracy: (..., M)."""


class Circle(Grid):
    """The upper half of a circle of radius 1/gamma: the points of a real FFT of ``nfft`` points.

    A response h[n] longer than nfft folds back onto its start in time. On a circle outside the unit circle the
    transform is that of h[n] gamma^n, which has decayed by ``alias_decay_db`` after nfft samples; ``spectrum``
    multiplies a signal by the same envelope and ``signal`` divides by it. So the output is right for any signal, and
    what folds back is lower by ``alias_decay_db``.

        z_k = exp(2 pi j k / nfft) / gamma,  gamma = 10^(-alias_decay_db / (20 nfft)),  k = 0 .. nfft // 2

    Args:
        nfft: number of points of the whole circle; any length of at least 1, odd ones too.
        alias_decay_db: decay of the envelope over nfft samples, dB, at least 0.
        dtype: float32 or float64.
        device: of the responses.

    References:
        S. J. Schlecht, "FDNTB: the feedback delay network toolbox", DAFx 2020 (time aliasing of sampled responses).
        G. Dal Santo et al., "FLAMO: an open-source library for frequency-domain differentiable audio processing",
        ICASSP 2025, section 3.3.
    """

    def __init__(
        self,
        nfft: int,
        alias_decay_db: float = 0.0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        if not isinstance(nfft, int) or isinstance(nfft, bool) or nfft < 1:
            raise ValueError(f"nfft must be a whole number of at least 1, got {nfft!r}")
        if not 0.0 <= alias_decay_db < math.inf:
            raise ValueError(f"alias_decay_db must be at least 0 dB and finite, got {alias_decay_db}")
        self.nfft, self.size, self.alias_decay_db = nfft, nfft // 2 + 1, float(alias_decay_db)
        self.dtype, self.device = complex_dtype(dtype), torch.device(device or "cpu")

    @property
    def log_gamma(self) -> float:
        """Natural logarithm of gamma."""
        return log_gamma(self.nfft, self.alias_decay_db)

    @property
    def z(self) -> Tensor:
        """The points, (M,), complex128."""
        angle = torch.arange(self.size, device=self.device, dtype=torch.float64) * (2 * math.pi / self.nfft)
        return torch.polar(torch.full_like(angle, math.exp(-self.log_gamma)), angle)

    def envelope(self, samples: int) -> Tensor:
        """Return gamma^n for n = 0 .. samples - 1, in the real type of the responses."""
        n = torch.arange(samples, device=self.device, dtype=torch.float64)
        return (n * self.log_gamma).exp().to(REAL_OF[self.dtype])

    def spectrum(self, x: Tensor) -> Tensor:
        """Return the transform of a signal (..., T) times the envelope: (..., M).

        Raises:
            ValueError: for a signal longer than nfft.
        """
        if x.shape[-1] > self.nfft:
            raise ValueError(f"a signal of {x.shape[-1]} samples needs nfft of at least that, got {self.nfft}")
        return torch.fft.rfft(self._enveloped(x.to(REAL_OF[self.dtype])), self.nfft)

    def signal(self, spectrum: Tensor, samples: int | None = None) -> Tensor:
        """Return the signal (..., samples) of a spectrum, at most nfft samples, divided by the envelope.

        Raises:
            ValueError: for more samples than nfft.
        """
        samples = self.nfft if samples is None else samples
        if samples > self.nfft:
            raise ValueError(f"{samples} samples need nfft of at least that, got {self.nfft}")
        x = torch.fft.irfft(spectrum.expand(*spectrum.shape[:-1], self.size), self.nfft)[..., :samples]
        return x / self.envelope(samples) if self.alias_decay_db else x

    def delay(self, samples: Tensor) -> Tensor:
        """Return z^-m, (..., M). Whole delays of an integer dtype are exact: their phase is taken modulo nfft steps."""
        return delay_response(samples, self.nfft, self.alias_decay_db, self.dtype)

    def fir(self, taps: Tensor) -> Tensor:
        """Return sum_n h[n] z^-n, (..., M), exact for more than nfft taps too."""
        taps = self._enveloped(taps.to(REAL_OF[self.dtype]))
        if taps.shape[-1] > self.nfft:
            turns = -(-taps.shape[-1] // self.nfft)
            taps = torch.nn.functional.pad(taps, (0, turns * self.nfft - taps.shape[-1]))
            taps = taps.unflatten(-1, (turns, self.nfft)).sum(-2)
        return torch.fft.rfft(taps, self.nfft)

    def sos(self, sections: Tensor) -> Tensor:
        """Return the product of second-order sections (..., S, 6): (..., M)."""
        return sos_response(sections, self.nfft, self.alias_decay_db, self.dtype)

    def _enveloped(self, x: Tensor) -> Tensor:
        return x * self.envelope(x.shape[-1]) if self.alias_decay_db else x


class Points(Grid):
    """Points anywhere in the z-plane: for probes, for chosen frequencies, for poles.

    Args:
        z: complex points, (M,), none of them 0.
        dtype: float32 or float64; given by the points where None.
    """

    def __init__(self, z: Tensor, dtype: torch.dtype | None = None) -> None:
        if not z.is_complex() or z.dim() != 1:
            raise ValueError(f"points must be a complex tensor (M,), got {z.dtype} of shape {tuple(z.shape)}")
        self._z, self.size = z.to(torch.complex128), z.shape[0]
        self.dtype, self.device = complex_dtype(dtype or REAL_OF.get(z.dtype, z.dtype)), z.device

    @property
    def z(self) -> Tensor:
        """The points, (M,), complex128."""
        return self._z

    def delay(self, samples: Tensor) -> Tensor:
        """Return z^-m of delays (...,): (..., M)."""
        m = samples.to(torch.float64).unsqueeze(-1)
        log_z = self._z.log()
        return (torch.polar((-m * log_z.real).exp(), -m * log_z.imag)).to(self.dtype)

    def fir(self, taps: Tensor) -> Tensor:
        """Return sum_n h[n] z^-n by Horner's rule: (..., M)."""
        w, taps = self._z.reciprocal(), taps.to(torch.float64)
        h = torch.zeros(*taps.shape[:-1], self.size, dtype=torch.complex128, device=self.device)
        for n in reversed(range(taps.shape[-1])):
            h = h * w + taps[..., n, None]
        return h.to(self.dtype)

    def sos(self, sections: Tensor) -> Tensor:
        """Return the product of second-order sections (..., S, 6): (..., M)."""
        return sos_at(sections, self._z, self.dtype)
