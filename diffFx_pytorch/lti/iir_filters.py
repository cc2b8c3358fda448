"""Recursive filters in second-order sections: biquads, state-variable filters, coefficients as they are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from ..dsp import biquad
from ..dsp.biquad import Design
from .grid import Grid
from .maps import Bounded, Map, Plain, Positive
from .module import Module
from .response import Dense, Diagonal, Response

BiquadKind = Literal["low_pass", "high_pass", "band_pass", "notch", "all_pass", "peak", "low_shelf", "high_shelf"]

_SHELVING = ("peak", "low_shelf", "high_shelf")


class Sections(Module):
    """Base of the filters that are a cascade of second-order sections from each input to each output, or one a channel.

    Parameters are (..., outputs, inputs, S), or (..., channels, S) when diagonal, S sections in a row; coefficients are
    made in float64 whatever the type of the responses.
    """

    diagonal: bool

    @abstractmethod
    def sections(self) -> Tensor:
        """Coefficients b0 b1 b2 a0 a1 a2, (..., outputs, inputs, S, 6) or (..., channels, S, 6), float64."""

    def respond(self, grid: Grid) -> Response:
        """The product of the sections."""
        H = grid.sos(self.sections())
        return Diagonal(H) if self.diagonal else Dense(H)

    @staticmethod
    def _size(owner: str, value: Tensor, diagonal: bool) -> tuple[int, int]:
        if value.dim() < (2 if diagonal else 3):
            raise ValueError(
                f"{owner}: parameters must be (..., outputs, inputs, sections), or (..., channels, sections) when "
                f"diagonal; got {tuple(value.shape)}"
            )
        return (value.shape[-2], value.shape[-2]) if diagonal else (value.shape[-3], value.shape[-2])


class Biquad(Sections):
    """Filters by frequency, Q and gain.

    Args:
        kind: "low_pass", "high_pass", "band_pass", "notch", "all_pass", "peak", "low_shelf", "high_shelf".
        freq_hz: (..., outputs, inputs, S), or (..., channels, S) when diagonal; 1 Hz .. 0.499 sample_rate.
        q: a number, or as freq_hz; 0.05 .. 50.
        gain_db: of the band of a peak or shelf; of the whole filter otherwise.
        sample_rate: Hz.
        diagonal: one filter a channel instead of a matrix.
        design: "bilinear" (RBJ) or "matched" (Vicanek).
        map: a map, or maps by name, for the raw parameters; where None, frequency and Q move between their ends in the
            logarithm and gain is free.
        requires_grad: whether they are learned.

    References:
        As in ``diffFx_pytorch.dsp.biquad``.
    """

    def __init__(
        self,
        kind: BiquadKind,
        freq_hz: Tensor,
        q: Tensor | float = 0.7071067811865476,
        gain_db: Tensor | float = 0.0,
        *,
        sample_rate: float,
        diagonal: bool = False,
        design: Design = "bilinear",
        map: Map | Mapping[str, Map] | None = None,
        requires_grad: bool = False,
    ) -> None:
        if kind not in BiquadKind.__args__:  # type: ignore[attr-defined]
            raise ValueError(f"Biquad: kind must be one of {', '.join(BiquadKind.__args__)}, got {kind!r}")  # type: ignore[attr-defined]
        super().__init__(*self._size("Biquad", freq_hz, diagonal), map=map, requires_grad=requires_grad)
        self.kind: BiquadKind = kind
        self.sample_rate, self.diagonal, self.design = sample_rate, diagonal, design
        if (freq_hz <= 0).any() or (freq_hz >= sample_rate / 2).any():
            raise ValueError(f"Biquad: freq_hz must lie inside 0 .. {sample_rate / 2:g} Hz (half the sample rate)")
        self._hold("freq_hz", freq_hz, fallback=Bounded(1.0, 0.499 * sample_rate, "log"))
        self._hold("q", _as(q, freq_hz), fallback=Bounded(0.05, 50.0, "log"))
        self._hold("gain_db", _as(gain_db, freq_hz))

    def sections(self) -> Tensor:
        """The designs of all sections."""
        freq, q, gain = (self.value(name).to(torch.float64) for name in ("freq_hz", "q", "gain_db"))
        design = getattr(biquad, self.kind)
        if self.kind in _SHELVING:
            return design(freq, q, gain, self.sample_rate, self.design)
        sos = design(freq, q, self.sample_rate, self.design)
        level = torch.pow(10.0, gain / 20).unsqueeze(-1)
        return torch.cat([sos[..., :3] * level, sos[..., 3:].expand(*level.shape[:-1], 3)], -1)


class SOS(Sections):
    """Second-order sections given by their coefficients.

    Args:
        coefficients: (..., outputs, inputs, S, 6), or (..., channels, S, 6) when diagonal; rows b0 b1 b2 a0 a1 a2 as
            scipy's.
        diagonal: one filter a channel instead of a matrix.
        map: from the raw parameter to the coefficients.
        requires_grad: whether they are learned.
    """

    def __init__(
        self, coefficients: Tensor, *, diagonal: bool = False, map: Map | None = None, requires_grad: bool = False
    ) -> None:
        if coefficients.shape[-1:] != (6,):
            raise ValueError(f"SOS: coefficients must end in 6 (b0 b1 b2 a0 a1 a2), got {tuple(coefficients.shape)}")
        super().__init__(*self._size("SOS", coefficients[..., 0], diagonal), map=map, requires_grad=requires_grad)
        self.diagonal = diagonal
        self._hold("coefficients", coefficients)

    def sections(self) -> Tensor:
        """The coefficients, in float64."""
        return self.value("coefficients").to(torch.float64)


class SVF(Sections):
    r"""State-variable filters: a low-pass, band-pass and high-pass mixed.

    .. math:: H(s) = \frac{m_{hp} s^2 + m_{bp} s + m_{lp}}{s^2 + 2 R s + 1}, \quad
        s = \frac{1}{g} \frac{1 - z^{-1}}{1 + z^{-1}}, \quad g = \tan(\pi f / f_s)

    Every filter of second order that is stable is one, and stable for any f inside 0 .. fs/2 and R above 0: so a
    network can move them freely.

    Args:
        freq_hz: (..., outputs, inputs, S), or (..., channels, S) when diagonal.
        damping: R, 1 / 2Q; above 0.
        low_pass: m_lp.
        band_pass: m_bp.
        high_pass: m_hp.
        sample_rate: Hz.
        diagonal: one filter a channel instead of a matrix.
        map: a map, or maps by name; where None, the frequency moves between its ends in the logarithm, the damping is
            an exponential, the mix is free.
        requires_grad: whether they are learned.

    References:
        V. Zavalishin, "The art of VA filter design", 2018, section 4.
        S. Lee, H.-S. Choi, K. Lee, "Differentiable artificial reverberation", IEEE/ACM TASLP 30, 2022, section III.B.
    """

    def __init__(
        self,
        freq_hz: Tensor,
        damping: Tensor | float = 1.0,
        low_pass: Tensor | float = 1.0,
        band_pass: Tensor | float = 2.0,
        high_pass: Tensor | float = 1.0,
        *,
        sample_rate: float,
        diagonal: bool = False,
        map: Map | Mapping[str, Map] | None = None,
        requires_grad: bool = False,
    ) -> None:
        super().__init__(*self._size("SVF", freq_hz, diagonal), map=map, requires_grad=requires_grad)
        self.sample_rate, self.diagonal = sample_rate, diagonal
        self._hold("freq_hz", freq_hz, fallback=Bounded(1.0, 0.499 * sample_rate, "log"))
        self._hold("damping", _as(damping, freq_hz), fallback=Positive())
        for name, mix in (("low_pass", low_pass), ("band_pass", band_pass), ("high_pass", high_pass)):
            self._hold(name, _as(mix, freq_hz), fallback=Plain())

    def sections(self) -> Tensor:
        """The bilinear transform of each section."""
        freq, R, lp, bp, hp = (
            self.value(name).to(torch.float64) for name in ("freq_hz", "damping", "low_pass", "band_pass", "high_pass")
        )
        g = torch.tan(torch.pi * freq / self.sample_rate)
        rows = (
            lp * g * g + bp * g + hp,
            2 * (lp * g * g - hp),
            lp * g * g - bp * g + hp,
            g * g + 2 * R * g + 1,
            2 * (g * g - 1),
            g * g - 2 * R * g + 1,
        )
        return torch.stack(torch.broadcast_tensors(*rows), -1)


def _as(value: Tensor | float, like: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=like.dtype, device=like.device).expand_as(like)
