"""Passive program equaliser."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...params import EffectParam
from .filters import SectionFilter

_BOOST_HI, _Q, _Q_LEAST, _CUT_HI, _CUT_END = 12e3, 3.9e3, 390.0, 1e3, 91.0
_BOOST_LO, _CUT_LO, _LEFT, _OUT = 8.2e3, 110e3, 1e3, 10e3
"""Pots and resistors, in ohms."""
_C_LO, _C_RATIO, _C_CUT = 33.6e-6, 30.0, 1.35e-3
"""Of the switched capacitors: farads times hertz of the low boost, its part for the low cut, and of the high cut."""
_LOSS_BOOST, _LOSS_CUT = 10.0, 100.0
"""Ohms in series with the two low capacitors, so that no pole is at infinity where a pot is shut."""
_IMPEDANCE = math.sqrt(12e6)
"""Ohms, the root of L / C of the resonant circuit."""
_MAKEUP = (
    (_BOOST_HI + 1 / (1 / _CUT_HI + 1 / (_LEFT + _OUT))) * (1 / _CUT_HI + 1 / (_LEFT + _OUT)) * (_LEFT + _OUT) / _OUT
)
_NEWTON = (12, 2)
"""Steps without and with gradients."""

Polynomial = tuple[Tensor, ...]


class PassiveEqualizer(SectionFilter):
    """A studio equaliser of coil, capacitors and pots, with boost and cut of its own for the lows and for the highs.

    The source feeds Z_t, which holds the resonant circuit of the high boost. Behind it stand two branches side by side,
    Z_c with the high cut and Z_l with the low cut, from the middle of which the sound is taken, and under both Z_j, the
    low boost (|| is in parallel):

        Z_t = (12k - D) + D || (s L + R_q + 1 / (s C)),        Z_c = (1k - F) + F || (91 + 1 / (s C_c)),
        Z_l = R_l || (1 / (s C_l)) + 11k,                      Z_j = R_j || (1 / (s C_j)),
        H = 15.5 (Z_j + 10k Z_c / (Z_c + Z_l)) / (Z_t + Z_c || Z_l + Z_j).

    Boost and cut of the lows do not cancel: the cut reaches an octave and more higher, which leaves a lift below and a
    dip above. Where the coil is heard the low capacitors are shorts, so H is solved in two parts, with Z_t a resistor,
    and (12k + Z_c || 11k) / (Z_t + Z_c || 11k). The bilinear transform makes it digital, the resonance where its knob
    says. A gain of 23.8 dB makes up for the network.

    References:
        Pulse Techniques, EQP-1A program equalizer, schematic, 1961. The values, and the network as wave digital filter:
        G. Anthon, X. Lizarraga-Seijas, F. Font, "PyWDF: an open source library for prototyping and simulating wave
        digital filter circuits in Python", DAFx 2023, whose example it is.
    """

    words = (
        "lifts the lows below {low_freq_hz} by {low_boost:share} of its pot",
        "cuts the lows above {low_freq_hz} by {low_cut:share} of its pot",
        "lifts the highs around {high_freq_hz} by {high_boost:share} of its pot, {bandwidth:share} wide",
        "cuts the highs at {cut_freq_hz} by {high_cut:share} of its pot",
    )
    params = {
        "low_boost": EffectParam(0.0, 1.0, 0.5, doc="Pot that lifts what lies below low_freq_hz, by up to 13 dB."),
        "low_cut": EffectParam(0.0, 1.0, 0.4, doc="Pot that cuts the lows, from higher up, by up to 20 dB."),
        "low_freq_hz": EffectParam(20.0, 100.0, 60.0, "log", "Hz", doc="Of both low pots."),
        "high_boost": EffectParam(0.0, 1.0, 0.4, doc="Pot that lifts a bell around high_freq_hz, by up to 18 dB."),
        "bandwidth": EffectParam(0.0, 1.0, 0.5, doc="Of the bell: 0 sharp and high, 1 broad and flat."),
        "high_freq_hz": EffectParam(2000.0, 16000.0, 5000.0, "log", "Hz", doc="Centre of the bell."),
        "high_cut": EffectParam(0.0, 1.0, 0.0, doc="Pot that cuts the highs, by up to 18 dB."),
        "cut_freq_hz": EffectParam(2000.0, 20000.0, 10000.0, "log", "Hz", doc="Of the high cut, where it is steep."),
    }
    neutral = {"low_boost": 0.0, "low_cut": 0.0, "high_boost": 0.0, "high_cut": 0.0}

    def sections(self, **knobs: Tensor) -> Tensor:
        """The network as three sections [b0 b1 b2 a0 a1 a2], float64; knobs and shape as for ``SectionFilter``."""
        knobs = dict(zip(knobs, torch.broadcast_tensors(*(knob.double() for knob in knobs.values())), strict=True))
        # With time in half samples the bilinear transform is s = (z - 1) / (z + 1).
        rate = 2 * self.sample_rate
        cut = _high_cut(knobs["high_cut"], rate * _C_CUT / knobs["cut_freq_hz"])
        up, down = _arms(cut, knobs["low_boost"], knobs["low_cut"], rate * _C_LO / knobs["low_freq_hz"])
        bell = _bell(knobs["high_boost"], knobs["bandwidth"], math.pi / self.sample_rate * knobs["high_freq_hz"])
        flat, poles = _with_bell(bell, cut)
        (zero, zeros), (pole, lows), (other, highs) = map(_split, (up, down, poles))
        gain = _MAKEUP * up[-1] / down[-1] / poles[-1]
        # The lows, whose state lives long, before the gain that the others lose: no jump of a pot then bursts.
        parts = [(zeros, lows), (_times(_product(zero, flat), gain), _product(pole, other)), (bell[1], highs)]
        return torch.stack([_digital(*section) for section in parts], -2)


def _high_cut(cut: Tensor, c: Tensor) -> tuple[Polynomial, Polynomial]:
    """Numerator and denominator of Z_c."""
    lower = _CUT_HI * cut
    up = (torch.full_like(c, _CUT_HI), ((_CUT_HI - lower) * (lower + _CUT_END) + lower * _CUT_END) * c)
    return up, (torch.ones_like(c), (lower + _CUT_END) * c)


def _arms(
    high_cut: tuple[Polynomial, Polynomial], boost: Tensor, cut: Tensor, c: Tensor
) -> tuple[Polynomial, Polynomial]:
    """Numerator and denominator of H without its gain, where Z_t is a resistor."""
    up, down = high_cut
    r, pot, cut_c = _BOOST_LO * boost, _CUT_LO * cut, c / _C_RATIO
    boost_up, boost_down = (r, r * _LOSS_BOOST * c), (torch.ones_like(c), (r + _LOSS_BOOST) * c)
    cut_up, cut_down = (pot, pot * _LOSS_CUT * cut_c), (torch.ones_like(c), (pot + _LOSS_CUT) * cut_c)
    branch = _add(cut_up, _times(cut_down, _LEFT + _OUT))
    both = _add(_product(up, cut_down), _product(branch, down))
    lifted = _product(boost_up, both)
    arms = _add(_times(both, _BOOST_HI), _product(up, branch))
    heard = _times(_product(_product(up, cut_down), boost_down), _OUT)
    return _add(lifted, heard), _add(_product(boost_down, arms), lifted)


def _bell(boost: Tensor, bandwidth: Tensor, turn: Tensor) -> tuple[Polynomial, Polynomial]:
    """Of Z_t, with the resonance at half turns and as wide around it as it is without bending of frequencies."""
    tuned = torch.tan(turn)
    z = _IMPEDANCE * tuned / (turn * (1 + tuned.square()))
    c, coil = 1 / (z * tuned), tuned.reciprocal().square()
    lower, loss = _BOOST_HI * boost, _Q_LEAST + _Q * bandwidth
    one = torch.ones_like(c)
    down = (one, (loss + lower) * c, coil)
    return _add(_times(down, _BOOST_HI - lower), _times((one, loss * c, coil), lower)), down


def _with_bell(
    bell: tuple[Polynomial, Polynomial], high_cut: tuple[Polynomial, Polynomial]
) -> tuple[Polynomial, Polynomial]:
    """Of (12k + Z_m) / (Z_t + Z_m), Z_m = Z_c || 11k: numerator over the bell's denominator, and denominator."""
    below = _LEFT + _OUT
    beside = _times(high_cut[0], below)
    down = _add(high_cut[0], _times(high_cut[1], below))
    return _add(_times(down, _BOOST_HI), beside), _add(_product(bell[0], down), _product(bell[1], beside))


def _split(cubic: Polynomial) -> tuple[Polynomial, Polynomial]:
    """A factor of first order and one of second, both with 1 before the highest power."""
    d0, d1, d2, d3 = cubic
    b, a0 = d2 / d3, d0 / d3
    p = _apart(b, d1 / d3, a0)
    one = torch.ones_like(p)
    return (p, one), (a0 / p, b - p, one)


def _apart(b: Tensor, a1: Tensor, a0: Tensor) -> Tensor:
    """P > 0 of the root -p of s^3 + b s^2 + a1 s + a0 that stands apart: real, and on its side of -b / 3 alone.

    From that end of the axis, 0 or -b (where a stable cubic is positive and negative), Newton's method falls onto it.
    """

    def step(p: Tensor) -> Tensor:
        return p - (((p - b) * p + a1) * p - a0) / ((3 * p - 2 * b) * p + a1)

    with torch.no_grad():
        middle = b / 3
        p = torch.where(((middle - b) * middle + a1) * middle > a0, torch.zeros_like(b), b)
        for _ in range(_NEWTON[0]):
            p = step(p)
    for _ in range(_NEWTON[1]):
        p = step(p)
    return p


def _add(p: Polynomial, q: Polynomial) -> Polynomial:
    return tuple(a + b for a, b in zip(p, q, strict=True))


def _times(p: Polynomial, factor: Tensor | float) -> Polynomial:
    return tuple(a * factor for a in p)


def _product(p: Polynomial, q: Polynomial) -> Polynomial:
    """By rising powers, as all here."""
    result: list[Tensor | float] = [0.0] * (len(p) + len(q) - 1)
    for i, a in enumerate(p):
        for j, b in enumerate(q):
            result[i + j] = result[i + j] + a * b
    return tuple(result)  # type: ignore[return-value]  # each has had a product added


def _digital(up: Polynomial, down: Polynomial) -> Tensor:
    """[b0 b1 b2 a0 a1 a2] of a section in s = (z - 1) / (z + 1)."""
    parts = [(p0 + p1 + p2, 2 * (p0 - p2), p0 - p1 + p2) for p0, p1, p2 in (up, down)]
    return torch.stack([c / parts[1][0] for part in parts for c in part], -1)
