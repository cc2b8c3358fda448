r"""Attenuation per delay line that gives a network a chosen decay time at each frequency.

A sound that decays by 60 dB in T(f) seconds decays by 60 m / (fs T(f)) dB in m samples. Filters with that attenuation
in every line make each band of a lossless network decay at its own T. Between bands the rate of decay 1 / T, not T
itself, goes smoothly from one to the other, as shelving filters do:

.. math:: \frac{1}{T(f)} = \frac{1}{T_0} + \sum_j \left(\frac{1}{T_j} - \frac{1}{T_{j + 1}}\right)
    \frac{1}{1 + (t / t_j)^p}, \qquad t = \tan(\pi f / f_s)

References:
    J.-M. Jot, A. Chaigne, "Digital delay networks for designing artificial reverberators", AES 90th Convention, 1991,
    eq. 8.
    S. J. Schlecht, E. A. P. Habets, "Accurate reverberation time control in feedback delay networks", DAFx 2017.
    V. Valimaki, K. Prawda, S. J. Schlecht, "Two-stage attenuation filter for artificial reverberation", IEEE SPL 31,
    2024.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..kernels.constants import made_once
from ..kernels.transforms import is_traced, records_fakes
from .levels import NEPER_PER_DB

_ROUNDS = 5
_BETWEEN = 24
_SLOWEST = 1.25
_MOST_NEPER = 7.0


class ThreeBands(NamedTuple):
    """Decay times of three bands; tensors that broadcast.

    Args:
        decay_s: T between the crossovers, in seconds.
        low_ratio: T far below ``low_hz`` over ``decay_s``.
        high_ratio: T at Nyquist over ``decay_s``.
        low_hz: frequency at which the rate of decay is half way to the low one, in Hz.
        high_hz: frequency at which it is half way to the high one, at least ``low_hz``; both under Nyquist.
    """

    decay_s: Tensor
    low_ratio: Tensor
    high_ratio: Tensor
    low_hz: Tensor
    high_hz: Tensor

    def decay(self, freqs: Tensor, sample_rate: float) -> Tensor:
        """The T that ``absorption`` makes, in seconds, at frequencies in Hz that broadcast with the bands."""
        t, t_low, t_high = (torch.tan(math.pi / sample_rate * f.double()) for f in (freqs, self.low_hz, self.high_hz))
        low, high = 1 / (1 + (t / t_low) ** 2), 1 / (1 + (t_high / t) ** 2)
        return self.decay_s / (1 + (1 / self.low_ratio - 1) * low + (1 / self.high_ratio - 1) * high)

    def absorption(self, delay: Tensor, sample_rate: float) -> Tensor:
        """A low and a high shelf, each two equal first-order sections: so their curve in dB hardly bends with the gain.

        The curve of the longest lines differs from the smooth one by under 5 % of T where a shelf has under 12 dB per
        pass. No section is of second order, since its state would be as large as a time constant of the pole and let
        knobs that jump make sound; that of a first-order shelf is at most the difference of its gains.

        Args:
            delay: samples, broadcastable with the bands.
            sample_rate: in Hz.

        Returns:
            Sections (..., 4, 6), float64.
        """
        return self.half_absorption(delay, sample_rate).repeat_interleave(2, -2)

    def half_absorption(self, delay: Tensor, sample_rate: float) -> Tensor:
        """Half of ``absorption`` in dB: each of its equal sections once, (..., 2, 6); arguments as there."""
        mid = -60.0 * NEPER_PER_DB * delay.double() / (sample_rate * self.decay_s.double())
        # A quarter: two sections, each with numerator and denominator moved apart by half its share.
        a_low = torch.exp(mid * (1 / self.low_ratio.double() - 1) / 4)
        a_high = torch.exp(mid * (1 / self.high_ratio.double() - 1) / 4)
        t_low, t_high = (torch.tan(math.pi / sample_rate * f.double()) for f in (self.low_hz, self.high_hz))
        low = _first_order(1 + t_low * a_low, t_low * a_low - 1, 1 + t_low / a_low, t_low / a_low - 1, mid / 2)
        high = _first_order(t_high + a_high, t_high - a_high, t_high + 1 / a_high, t_high - 1 / a_high, 0 * mid)
        return torch.stack(torch.broadcast_tensors(low, high), -2)


def _first_order(b0: Tensor, b1: Tensor, a0: Tensor, a1: Tensor, log_gain: Tensor) -> Tensor:
    """(b0 + b1 / z) / (a0 + a1 / z) with a gain, as a section."""
    gain = log_gain.exp() / a0
    b0, b1, a1, one = torch.broadcast_tensors(gain * b0, gain * b1, a1 / a0, torch.ones_like(gain))
    zero = torch.zeros_like(one)
    return torch.stack([b0, b1, zero, one, a1, zero], -1)


def squared(sections: Tensor) -> Tensor:
    """First-order sections (..., 6), each twice in series, as one of second order; for responses, not for sounds."""
    b0, b1, _, a0, a1, _ = sections.unbind(-1)
    return torch.stack([b0 * b0, 2 * b0 * b1, b1 * b1, a0 * a0, 2 * a0 * a1, a1 * a1], -1)


def octave_absorption(delay: Tensor, decay_s: Tensor, centres_hz: Sequence[float], sample_rate: float) -> Tensor:
    """Second-order low shelves between neighbouring bands, with gains solved for so that T is exact at every centre.

    Between the centres no frequency decays in more than 1.25 times the T of the slowest band: where gains far apart
    would overshoot, the gain of the line is lowered. So the loop is stable at any setting.

    Args:
        delay: samples (..., N).
        decay_s: T at each centre, in seconds (..., K).
        centres_hz: K centres, rising, under Nyquist.
        sample_rate: in Hz.

    Returns:
        Sections (..., N, K - 1, 6), float64; the first carries the gain of the line.
    """
    solve, at_centres, at_between, edges = _shapes_of(tuple(centres_hz), float(sample_rate), delay.device)
    target = -60.0 * NEPER_PER_DB / sample_rate * delay.double().unsqueeze(-1) / decay_s.double().unsqueeze(-2)
    gains = target @ solve
    for _ in range(_ROUNDS):
        # 60 dB from one octave to the next is more than a shelf can do; without a limit the rounds would run away.
        gains = (gains + (target - _cascade(gains, at_centres)) @ solve).clamp(-_MOST_NEPER, _MOST_NEPER)
    excess = (_cascade(gains, at_between).amax(-1) - target.amax(-1) / _SLOWEST).clamp_min(0)
    shelves, level = gains[..., :-1], (gains[..., -1] - excess).exp()
    a, t = torch.exp(shelves / 4), edges.expand_as(shelves)
    b = torch.stack(
        [1 + math.sqrt(2) * a * t + (a * t) ** 2, 2 * (a * t) ** 2 - 2, 1 - math.sqrt(2) * a * t + (a * t) ** 2], -1
    )
    a = torch.stack(
        [1 + math.sqrt(2) * t / a + (t / a) ** 2, 2 * (t / a) ** 2 - 2, 1 - math.sqrt(2) * t / a + (t / a) ** 2], -1
    )
    scale = torch.cat([level.unsqueeze(-1), torch.ones_like(shelves[..., 1:])], -1)
    return torch.cat([b * scale.unsqueeze(-1), a], -1) / a[..., :1]


def octave_decay(freqs: Tensor, decay_s: Tensor, centres_hz: Sequence[float], sample_rate: float) -> Tensor:
    """The T of `octave_absorption` for gains that are small in one pass: (..., F) in seconds, decay_s (..., K)."""
    solve, *_, edges = _shapes_of(tuple(centres_hz), float(sample_rate), decay_s.device)
    x = (torch.tan(math.pi / sample_rate * freqs.double()).unsqueeze(-1) / edges) ** 4
    shapes = torch.cat([1 / (1 + x), torch.ones_like(x[..., :1])], -1)
    rate = ((1 / decay_s.double()) @ solve) @ shapes.mT
    return 1 / rate.clamp_min(1e-9)


def _cascade(gains: Tensor, x: Tensor) -> Tensor:
    """Level at F points of shelves with gains (..., K), the last flat, in neper; x (F, K - 1) is (t / t_j)^4."""
    g = gains[..., None, :-1]
    # (x + e^g) / (x + e^-g), without overflow.
    shelves = 0.5 * (torch.logaddexp(x.log(), g) - torch.logaddexp(x.log(), -g))
    return shelves.sum(-1) + gains[..., -1:]


def _shapes_of(centres_hz: tuple[float, ...], sample_rate: float, device: torch.device) -> tuple[Tensor, ...]:
    """``_octave_shapes`` on a device."""
    if is_traced() or records_fakes():  # the rate may be no number
        return tuple(t.to(device) for t in _octave_shapes(centres_hz, sample_rate))
    about = centres_hz, sample_rate
    return tuple(made_once(_octave_shape, i, *about, dtype=torch.float64, device=device) for i in range(4))


def _octave_shape(i: int, centres_hz: tuple[float, ...], sample_rate: float) -> np.ndarray:
    with torch.device("cpu"):
        return _octave_shapes(centres_hz, sample_rate)[i].numpy()


def _octave_shapes(centres_hz: tuple[float, ...], sample_rate: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inverse of small shelves at the centres (K, K), (t / t_j)^4 there and between, t of the edges (K - 1,)."""
    centres = torch.tensor(centres_hz, dtype=torch.float64)
    edges = torch.tan(math.pi / sample_rate * (centres[1:] * centres[:-1]).sqrt())
    steps = torch.linspace(
        math.log(centres_hz[0] / 2), math.log(0.499 * sample_rate), _BETWEEN * len(centres_hz) + 1, dtype=torch.float64
    )

    def x(freqs: Tensor) -> Tensor:
        return (torch.tan(math.pi / sample_rate * freqs.double())[:, None] / edges) ** 4

    at_centres = x(centres)
    shapes = torch.cat([1 / (1 + at_centres), torch.ones_like(at_centres[:, :1])], -1)
    # From DC, where the lowest shelf is whole, to Nyquist.
    between = torch.cat([torch.zeros(1, dtype=torch.float64), steps.exp()])
    return torch.linalg.inv(shapes).mT.contiguous(), at_centres, x(between), edges
