"""Recursive filters in second-order sections: biquads, state-variable filters, given coefficients."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from ..dsp import biquad
from ..dsp.biquad import Design
from .grid import Grid
from .maps import Bounded, Map, Positive
from .module import Module, channels_of
from .response import Response

BiquadKind = Literal["low_pass", "high_pass", "band_pass", "notch", "all_pass", "peak", "low_shelf", "high_shelf"]

_SHELVING = ("peak", "low_shelf", "high_shelf")


class Sections(Module):
    """Base of the filters that are a cascade of second-order sections from each input to each output, or per channel.

    Parameters are (..., outputs, inputs, S), or (..., channels, S) when diagonal, of S sections in series; coefficients
    are designed in float64 whatever the type of the responses.
    """

    @abstractmethod
    def sections(self) -> Tensor:
        """Return b0 b1 b2 a0 a1 a2, (..., outputs, inputs, S, 6) or (..., channels, S, 6), float64."""

    def respond(self, grid: Grid) -> Response:
        """Return the product of the sections."""
        return self._response(grid.sos(self.sections()))

    def _declare_frequencies(self, freq_hz: Tensor) -> None:
        self._declare("freq_hz", freq_hz, Bounded(1.0, 0.499 * self.sample_rate, "log"))

    def _declare_bands(self, freq_hz: Tensor, q: Tensor | float, gain_db: Tensor | float) -> None:
        self._declare_frequencies(freq_hz)
        self._declare("q", filled(q, freq_hz), Bounded(0.05, 50.0, "log"))
        self._declare("gain_db", filled(gain_db, freq_hz))


class Biquad(Sections):
    """Filters by frequency, Q and gain.

    Args:
        kind: "low_pass", "high_pass", "band_pass", "notch", "all_pass", "peak", "low_shelf", "high_shelf".
        freq_hz: (..., outputs, inputs, S), or (..., channels, S) when diagonal; 1 Hz .. 0.499 sample_rate.
        q: a number, or as freq_hz; 0.05 .. 50.
        gain_db: a number, or as freq_hz; gain at the centre of a peak, of the lows or highs of a shelf, of the whole
            filter for the other kinds.
        sample_rate: Hz.
        diagonal: one filter per channel instead of a matrix.
        design: "bilinear" (RBJ) or "matched" (Vicanek).
        map: a map, or maps by name; where None, frequency and Q are bounded on a logarithmic scale and gain is free.
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
        channels = channels_of("Biquad", "freq_hz", freq_hz, diagonal, "sections")
        super().__init__(channels, diagonal=diagonal, map=map, requires_grad=requires_grad)
        self.kind: BiquadKind = kind
        self.sample_rate, self.design = sample_rate, design
        if (freq_hz <= 0).any() or (freq_hz >= sample_rate / 2).any():
            raise ValueError(f"Biquad: freq_hz must lie inside 0 .. {sample_rate / 2:g} Hz (half the sample rate)")
        self._declare_bands(freq_hz, q, gain_db)

    @classmethod
    def between(cls, low_hz: Tensor, high_hz: Tensor, gain_db: Tensor | float = 0.0, **options: Any) -> Biquad:
        """Band-passes by their two corners, where they have fallen by 3 dB.

        The centre is between the corners on the axis that the bilinear transform bends, so both are exact.

        Args:
            low_hz: lower corner, in the shapes of freq_hz.
            high_hz: upper corner.
            gain_db: gain at the centre.
            options: as for the class, ``sample_rate`` among them.

        Raises:
            ValueError: for corners that do not rise, inside 0 .. half the sample rate.
        """
        rate = options["sample_rate"]
        if not bool(((low_hz > 0) & (low_hz < high_hz) & (high_hz < rate / 2)).all()):
            raise ValueError(f"Biquad.between: corners must rise, inside 0 .. {rate / 2:g} Hz (half the sample rate)")
        low, high = (torch.tan(torch.pi * f.double() / rate) for f in (low_hz, high_hz))
        centre = (low * high).sqrt()
        freq = torch.atan(centre) * rate / torch.pi
        return cls("band_pass", freq.to(low_hz), (centre / (high - low)).to(low_hz), gain_db, **options)

    def extra_repr(self) -> str:
        """Return the kind."""
        return self.kind

    def sections(self) -> Tensor:
        """Return the designs of all sections."""
        freq, q, gain = self._doubles("freq_hz", "q", "gain_db")
        design = getattr(biquad, self.kind)
        if self.kind in _SHELVING:
            return design(freq, q, gain, self.sample_rate, self.design)
        sos = design(freq, q, self.sample_rate, self.design)
        level = torch.pow(10.0, gain / 20).unsqueeze(-1)
        return torch.cat([sos[..., :3] * level, sos[..., 3:].expand(*level.shape[:-1], 3)], -1)


class SOS(Sections):
    """Filters given by the coefficients of their second-order sections.

    Args:
        coefficients: (..., outputs, inputs, S, 6), or (..., channels, S, 6) when diagonal; rows b0 b1 b2 a0 a1 a2 as
            in scipy.
        diagonal: one filter per channel instead of a matrix.
        map: from the raw parameter to the coefficients.
        requires_grad: whether they are learned.
    """

    def __init__(
        self, coefficients: Tensor, *, diagonal: bool = False, map: Map | None = None, requires_grad: bool = False
    ) -> None:
        if coefficients.shape[-1:] != (6,):
            raise ValueError(f"SOS: coefficients must end in 6 (b0 b1 b2 a0 a1 a2), got {tuple(coefficients.shape)}")
        channels = channels_of("SOS", "coefficients", coefficients, diagonal, "sections", "6")
        super().__init__(channels, diagonal=diagonal, map=map, requires_grad=requires_grad)
        self._declare("coefficients", coefficients)

    def sections(self) -> Tensor:
        """Return the coefficients."""
        return self._doubles("coefficients")[0]


class SVF(Sections):
    r"""State-variable filters: mixtures of a low-pass, a band-pass and a high-pass.

    .. math:: H(s) = \frac{m_{hp} s^2 + m_{bp} s + m_{lp}}{s^2 + 2 R s + 1}, \quad
        s = \frac{1}{g} \frac{1 - z^{-1}}{1 + z^{-1}}, \quad g = \tan(\pi f / f_s)

    Every stable second-order filter has this form, and it is stable for any f inside 0 .. fs/2 and R above 0: a network
    can move the parameters freely.

    Args:
        freq_hz: (..., outputs, inputs, S), or (..., channels, S) when diagonal.
        damping: R, 1 / 2Q; above 0.
        low_pass: m_lp.
        band_pass: m_bp.
        high_pass: m_hp.
        sample_rate: Hz.
        diagonal: one filter per channel instead of a matrix.
        map: a map, or maps by name; where None, the frequency is bounded on a logarithmic scale, the damping is an
            exponential, the mix is free.
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
        channels = channels_of("SVF", "freq_hz", freq_hz, diagonal, "sections")
        super().__init__(channels, diagonal=diagonal, map=map, requires_grad=requires_grad)
        self.sample_rate = sample_rate
        self._declare_frequencies(freq_hz)
        self._declare("damping", filled(damping, freq_hz), Positive())
        for name, mix in (("low_pass", low_pass), ("band_pass", band_pass), ("high_pass", high_pass)):
            self._declare(name, filled(mix, freq_hz))

    def sections(self) -> Tensor:
        """Return the bilinear transform of each section."""
        freq, R, lp, bp, hp = self._doubles("freq_hz", "damping", "low_pass", "band_pass", "high_pass")
        return state_variable(torch.tan(torch.pi * freq / self.sample_rate), R, lp, bp, hp)


def state_variable(g: Tensor, R: Tensor, lp: Tensor, bp: Tensor, hp: Tensor) -> Tensor:
    """Return the bilinear transforms of state-variable filters, b0 b1 b2 a0 a1 a2; see ``SVF``."""
    rows = (
        lp * g * g + bp * g + hp,
        2 * (lp * g * g - hp),
        lp * g * g - bp * g + hp,
        g * g + 2 * R * g + 1,
        2 * (g * g - 1),
        g * g - 2 * R * g + 1,
    )
    return torch.stack(torch.broadcast_tensors(*rows), -1)


def filled(value: Tensor | float, like: Tensor) -> Tensor:
    """Return a value in the shape, type and device of ``like``."""
    return value.to(like).expand_as(like) if isinstance(value, Tensor) else torch.full_like(like, value)
