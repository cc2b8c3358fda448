"""Graphic and parametric equalisers, and the absorption of reverberating loops."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant, made_once

from ..dsp import biquad
from .iir_filters import Sections, filled, state_variable
from .maps import Bounded, Map
from .module import channels_of

_NEIGHBOUR = 0.4
"""Gain of a band's peak at the centres of its neighbours, as a share of its own gain in dB."""
_CORRECTIONS = 3
_BUTTERWORTH_Q = math.sqrt(0.5)


class GEQ(Sections):
    """A graphic equaliser: a low shelf, peaks an octave or a third apart, a high shelf, their gains in dB.

    With ``accurate`` the response goes through the gains at all centres: the gains of the filters solve for it, by a
    matrix of the response of each band at each centre, and a few corrections by the remaining error.

    Args:
        gain_db: (..., outputs, inputs, bands), or (..., channels, bands) when diagonal.
        centres_hz: one per band, rising; where None, octaves from 31.25 Hz to 16 kHz (10), or thirds (31) by
            ``bands_per_octave``. The first band is a low shelf, whose gain applies below its corner, and the last a
            high shelf, whose gain applies above it.
        bands_per_octave: 1 or 3, where no centres are given.
        sample_rate: Hz; centres above 0.45 of it are an error.
        diagonal: one equaliser per channel instead of a matrix.
        accurate: solve for the gains of the filters, instead of taking the given ones.
        map: from the raw parameter to dB.
        requires_grad: whether the gains are learned.

    References:
        S. J. Schlecht, E. A. P. Habets, "Accurate reverberation time control in feedback delay networks", DAFx 2017.
        V. Valimaki, J. Liski, "Accurate cascade graphic equalizer", IEEE SPL 24(2), 2017.
    """

    def __init__(
        self,
        gain_db: Tensor,
        *,
        sample_rate: float,
        centres_hz: Sequence[float] | None = None,
        bands_per_octave: Literal[1, 3] = 1,
        diagonal: bool = False,
        accurate: bool = False,
        map: Map | None = None,
        requires_grad: bool = False,
    ) -> None:
        channels = channels_of("GEQ", "gain_db", gain_db, diagonal, "bands")
        super().__init__(channels, diagonal=diagonal, map=map, requires_grad=requires_grad)
        centres = tuple(band_centres(bands_per_octave, sample_rate) if centres_hz is None else centres_hz)
        if len(centres) != gain_db.shape[-1] or len(centres) < 2:
            raise ValueError(
                f"GEQ: {len(centres)} centres for {gain_db.shape[-1]} gains; give one gain per band, 2 bands or more"
            )
        if list(centres) != sorted(centres) or centres[-1] > 0.45 * sample_rate:
            raise ValueError(f"GEQ: centres must rise and stay under {0.45 * sample_rate:g} Hz, got {centres}")
        self.centres_hz, self.sample_rate, self.accurate = centres, sample_rate, accurate
        self._declare("gain_db", gain_db)

    def extra_repr(self) -> str:
        """Return the number of bands."""
        return f"{len(self.centres_hz)} bands"

    def sections(self) -> Tensor:
        """Return shelf, peaks, shelf."""
        return graphic_sections(self._doubles("gain_db")[0], self.centres_hz, self.sample_rate, self.accurate)


class DecayEqualizer(Sections):
    r"""The absorption of the lines of a reverberating loop by decay times in octaves or thirds, one set per group.

    .. math:: G_{i,b} = -\frac{60\, m_i}{f_s\, T_{r(i),b}} \text{ dB}

    at the centre of band b for line i of m samples in group r(i), by an accurate graphic equaliser per line. What is
    learned is the decay times, so the lines of a group keep decaying together.

    Args:
        decay_s: T60, (..., groups, bands); bands as ``band_centres`` gives them, at least two.
        delays: samples of each line, (n,).
        group: of each line, (n,) whole numbers from 0; where None, line i is in group i.
        sample_rate: Hz.
        bands_per_octave: 1 or 3.
        map: from the raw parameter to seconds; where None, bounded to 1 ms .. 1000 s on a logarithmic scale.
        requires_grad: whether the decay times are learned.

    Raises:
        ValueError: for a number of bands that does not fit, or a group that has no decay times.

    References:
        S. J. Schlecht, E. A. P. Habets, "Accurate reverberation time control in feedback delay networks", DAFx 2017.
        O. Das, J. S. Abel, "Grouped feedback delay networks for modeling of coupled spaces", JAES 69(7/8), 2021.
    """

    delays: Tensor
    group: Tensor

    def __init__(
        self,
        decay_s: Tensor,
        delays: Tensor,
        group: Tensor | None = None,
        *,
        sample_rate: float,
        bands_per_octave: Literal[1, 3] = 1,
        map: Map | None = None,
        requires_grad: bool = False,
    ) -> None:
        n = delays.shape[-1]
        super().__init__((n, n), diagonal=True, map=map, requires_grad=requires_grad)
        self.centres_hz, self.sample_rate = band_centres(bands_per_octave, sample_rate), sample_rate
        group = torch.arange(n) if group is None else group
        if decay_s.dim() < 2 or decay_s.shape[-1] != len(self.centres_hz):
            raise ValueError(
                f"DecayEqualizer: decay_s must be (..., groups, {len(self.centres_hz)}), got {tuple(decay_s.shape)}"
            )
        if group.shape != (n,) or int(group.min()) < 0 or int(group.max()) >= decay_s.shape[-2]:
            raise ValueError(f"DecayEqualizer: each of {n} lines needs a group under {decay_s.shape[-2]}, got {group}")
        self.register_buffer("delays", delays)
        self.register_buffer("group", group)
        self._declare("decay_s", decay_s, Bounded(1e-3, 1e3, "log"))

    def extra_repr(self) -> str:
        """Return the numbers of groups and bands."""
        return f"{self.get_parameter('decay_s').shape[-2]} groups, {len(self.centres_hz)} bands"

    def sections(self) -> Tensor:
        """Return shelf, peaks, shelf of each line."""
        decay = self._doubles("decay_s")[0].index_select(-2, self.group)
        per_round = -60.0 * self.delays.to(torch.float64) / self.sample_rate
        return graphic_sections(per_round.unsqueeze(-1) / decay, self.centres_hz, self.sample_rate, True)


def graphic_sections(gain_db: Tensor, centres_hz: Sequence[float], sample_rate: float, accurate: bool) -> Tensor:
    """Return the sections of a graphic equaliser, (..., bands) float64 to (..., bands, 6); see ``GEQ``."""
    centres = tuple(centres_hz)
    if not accurate:
        return _graphic(gain_db, centres, sample_rate)
    solve = made_once(_interaction, centres, sample_rate, dtype=torch.float64, device=gain_db.device)
    gain = gain_db @ solve
    for _ in range(_CORRECTIONS):
        gain = gain + (gain_db - _at_centres(gain, centres, sample_rate)) @ solve
    return _graphic(gain, centres, sample_rate)


def _interaction(centres_hz: tuple[float, ...], sample_rate: float) -> Any:
    """From gains at the centres to those of the filters, (bands, bands), for gains so small that they add."""
    unit = torch.eye(len(centres_hz), dtype=torch.float64) * 6.0
    return torch.linalg.inv(_at_centres(unit, centres_hz, sample_rate) / 6.0).numpy()


def _graphic(gain_db: Tensor, centres_hz: tuple[float, ...], sample_rate: float) -> Tensor:
    f = constant(centres_hz, torch.float64, gain_db.device)
    # The corner of a shelf lies half a band from the centre of the band next to it.
    low, high = (f[0] * f[1]).sqrt(), (f[-1] * f[-2]).sqrt()
    parts = [biquad.low_shelf(low, _BUTTERWORTH_Q, gain_db[..., :1], sample_rate, "bilinear")]
    if len(centres_hz) > 2:
        ratio = torch.minimum(f[2:] / f[1:-1], f[1:-1] / f[:-2])
        u = ratio - 1 / ratio
        # At this Q a peak has the same share of its gain, in dB, at the nearer neighbour, whatever the gain.
        g = gain_db[..., 1:-1].abs().clamp(min=1e-3) * (math.log(10) / 20)
        q = (torch.sinh((1 - _NEIGHBOUR) * g) / torch.sinh(_NEIGHBOUR * g)).sqrt() / u
        parts.append(biquad.peak(f[1:-1], q, gain_db[..., 1:-1], sample_rate, "matched"))
    parts.append(biquad.high_shelf(high, _BUTTERWORTH_Q, gain_db[..., -1:], sample_rate, "bilinear"))
    return torch.cat(parts, -2)


def _at_centres(gain_db: Tensor, centres_hz: tuple[float, ...], sample_rate: float) -> Tensor:
    """Level of all filters together at each centre, dB."""
    f = constant(centres_hz, torch.float64, gain_db.device)
    response = biquad.sos_response(_graphic(gain_db, centres_hz, sample_rate), f, sample_rate)
    return 20 * response.abs().log10()


class PEQ(Sections):
    """A parametric equaliser: a low shelf, peaks, a high shelf, each with frequency, Q and gain.

    Args:
        freq_hz: (..., outputs, inputs, bands), or (..., channels, bands) when diagonal; at least two bands.
        q: as freq_hz, or a number.
        gain_db: as freq_hz, or a number.
        sample_rate: Hz.
        diagonal: one equaliser per channel instead of a matrix.
        design: "bilinear" (RBJ) or "matched" (Vicanek); or "svf", mixtures of the outputs of state-variable filters
            (m_lp, m_bp, m_hp) with G the gain and R = 1 / 2Q: peaks (1, 2R sqrt G, 1), whose gain is sqrt G, and
            shelves (G, 2R sqrt G, 1) and (1, 2R sqrt G, G), whose freq_hz is the end of the slope at the gain 1.
        map: maps by name; where None, frequency and Q are bounded on a logarithmic scale and gain is free.
        requires_grad: whether they are learned.

    References:
        S. Lee, H.-S. Choi, K. Lee, "Differentiable artificial reverberation", IEEE/ACM TASLP 30, 2022, section III.B.
    """

    def __init__(
        self,
        freq_hz: Tensor,
        q: Tensor | float = _BUTTERWORTH_Q,
        gain_db: Tensor | float = 0.0,
        *,
        sample_rate: float,
        diagonal: bool = False,
        design: biquad.Design | Literal["svf"] = "bilinear",
        map: Mapping[str, Map] | None = None,
        requires_grad: bool = False,
    ) -> None:
        channels = channels_of("PEQ", "freq_hz", freq_hz, diagonal, "bands")
        super().__init__(channels, diagonal=diagonal, map=map, requires_grad=requires_grad)
        if freq_hz.shape[-1] < 2:
            raise ValueError("PEQ: at least two bands are needed: the first and the last are shelves")
        if design not in (*get_args(biquad.Design), "svf"):
            raise ValueError(f"PEQ: design must be 'bilinear', 'matched' or 'svf', got {design!r}")
        self.sample_rate = sample_rate
        self.design: biquad.Design | Literal["svf"] = design
        self._declare_bands(freq_hz, q, gain_db)

    def extra_repr(self) -> str:
        """Return the number of bands."""
        return f"{self.get_parameter('freq_hz').shape[-1]} bands"

    def sections(self) -> Tensor:
        """Return shelf, peaks, shelf."""
        freq, q, gain = self._doubles("freq_hz", "q", "gain_db")
        if self.design == "svf":
            R, root = 0.5 / q, torch.pow(10.0, gain / 40)
            one = torch.ones_like(root)
            lp = torch.cat([root[..., :1].square(), one[..., 1:]], -1)
            hp = torch.cat([one[..., :-1], root[..., -1:].square()], -1)
            return state_variable(torch.tan(torch.pi * freq / self.sample_rate), R, lp, 2 * R * root, hp)
        low = biquad.low_shelf(freq[..., :1], q[..., :1], gain[..., :1], self.sample_rate, self.design)
        peaks = biquad.peak(freq[..., 1:-1], q[..., 1:-1], gain[..., 1:-1], self.sample_rate, self.design)
        high = biquad.high_shelf(freq[..., -1:], q[..., -1:], gain[..., -1:], self.sample_rate, self.design)
        return torch.cat([low, peaks, high], -2)


class ShelvingAbsorption(Sections):
    r"""The absorption of the lines of a reverberating loop: a first-order shelf by the decay times at 0 Hz and Nyquist.

    To decay by 60 dB in T seconds, a line of m samples is attenuated by :math:`60 m / (f_s T)` dB per round.

    .. math:: H(s) = g_1 \frac{s + \omega_c \sqrt{r}}{s + \omega_c / \sqrt{r}}, \quad r = g_0 / g_1

    by the bilinear transform, with g0 and g1 the gains of the two decay times.

    Args:
        decay_s: T60 at low frequencies, (..., 1) or (..., channels).
        decay_high_s: T60 at high frequencies, likewise.
        delays: samples of each line, (channels,).
        crossover_hz: where the gain in dB is half way between the two, (..., 1) or (..., channels).
        sample_rate: Hz.
        map: maps by name; where None, all are exponentials.
        requires_grad: whether they are learned.

    References:
        J.-M. Jot, A. Chaigne, "Digital delay networks for designing artificial reverberators", AES 90, 1991, eq. 5.
        J.-M. Jot, "Proportional parametric equalizers", AES 139, 2015.
    """

    delays: Tensor

    def __init__(
        self,
        decay_s: Tensor,
        decay_high_s: Tensor,
        delays: Tensor,
        *,
        crossover_hz: Tensor | float = 4000.0,
        sample_rate: float,
        map: Mapping[str, Map] | None = None,
        requires_grad: bool = False,
    ) -> None:
        n = delays.shape[-1]
        super().__init__((n, n), diagonal=True, map=map, requires_grad=requires_grad)
        self.sample_rate = sample_rate
        self.register_buffer("delays", delays)
        self._declare("decay_s", decay_s, Bounded(1e-3, 1e3, "log"))
        self._declare("decay_high_s", decay_high_s, Bounded(1e-3, 1e3, "log"))
        crossover = filled(crossover_hz, decay_s.new_empty(decay_s.shape[-1:]))
        self._declare("crossover_hz", crossover, Bounded(1.0, 0.495 * sample_rate, "log"))

    def sections(self) -> Tensor:
        """Return a first-order shelf per line, as a second-order section."""
        low, high, crossover = self._doubles("decay_s", "decay_high_s", "crossover_hz")
        per_second = -3.0 * self.delays.to(torch.float64) / self.sample_rate
        g0, g1 = torch.pow(10.0, per_second / low), torch.pow(10.0, per_second / high)
        t = torch.tan(torch.pi * crossover / self.sample_rate)
        root = (g0 / g1).sqrt()
        b0, b1 = g1 * (1 + t * root), g1 * (t * root - 1)
        a0, a1 = 1 + t / root, t / root - 1
        zero = torch.zeros_like(b0)
        return torch.stack(torch.broadcast_tensors(b0, b1, zero, a0, a1, zero), -1).unsqueeze(-2)


def band_centres(bands_per_octave: int, sample_rate: float) -> tuple[float, ...]:
    """Return centres from 31.25 Hz up in octaves, or from 19.7 Hz in thirds, up to 0.45 of the sample rate."""
    if bands_per_octave not in (1, 3):
        raise ValueError(f"bands_per_octave must be 1 or 3, got {bands_per_octave}")
    steps = range(-5, 5) if bands_per_octave == 1 else range(-17, 14)
    centres = (1000.0 * 2 ** (i / bands_per_octave) for i in steps)
    return tuple(c for c in centres if c <= 0.45 * sample_rate)
