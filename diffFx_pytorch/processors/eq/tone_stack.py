"""Tone stacks of guitar and bass amplifiers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...options import Choice, Number
from ...params import EffectParam
from ...recursion import svf_to_sos
from .filters import SectionFilter
from .tone_stack_circuits import CIRCUITS, Circuit

_NEWTON_STEPS = 8
_TAPER = 81.0
_TRACK_END = 1e-5


class ToneStack(SectionFilter):
    """The passive network of three pots between the stages of an amplifier, solved exactly.

    Between a source without resistance and an open output its transfer function is

        H(s) = (b1 s + b2 s^2 + b3 s^3) / (1 + a1 s + a2 s^2 + a3 s^3),

    each coefficient a polynomial of the pots and the components. The bilinear transform makes it digital. All poles of
    such a network are real and apart; the slowest is split off by Newton's method, so that it runs as two sections
    that stay stable while pots are turned. The network only ever takes away, 10 dB and more, and nothing makes up for
    that unless ``makeup_db`` is given. The bass pot keeps 1e-5 of its track at its end.

    The Vox has no mid pot: C3 goes to the wiper of the bass pot, and from there a fixed R3 to ground. That is the same
    network with m = 1 and R3 in parallel with what is left of the bass pot.

    Of the 26 rows that Guitarix tabulates, two are left out, since nothing says what amplifier they are of:
    "fender_default" and "gibsen". What names no schematic (Engl, AC15) has Guitarix's table as its only source.

    References:
        D. T. Yeh, J. O. Smith, "Discretization of the '59 Fender Bassman tone stack", DAFx 2006, equations 1 and 2.
    """

    words = (
        "sets the tone of a guitar amplifier: bass at {bass:share}, middle at {mid:share}, treble at {treble:share}",
        "sets the tone of a guitar amplifier: bass at {bass:share}, treble at {treble:share}",
    )
    _pots = {
        "bass": EffectParam(0.0, 1.0, 0.5, doc="Bass pot; 1 is full."),
        "mid": EffectParam(0.0, 1.0, 0.5, doc="Mid pot; 0 digs the deepest hole."),
        "treble": EffectParam(0.0, 1.0, 0.5, doc="Treble pot; 1 is full."),
    }
    options = {
        "preset": Choice(*CIRCUITS, doc="Amplifier whose components are taken; CIRCUITS names the sources."),
        "makeup_db": Number(-120, 120, 0.0, "dB", doc="Gain after the network."),
        "bass_taper": Choice(
            "linear",
            "audio",
            doc='"linear" takes the position of the bass pot as the part of its track; "audio" takes '
            "(81^position - 1) / 80, a tenth of the track at half a turn, as many amplifiers have it.",
        ),
    }
    exempt = {"neutral": "the network takes something away wherever its pots stand"}
    variants = ({}, {"preset": "mesa_boogie_mark", "bass_taper": "audio", "makeup_db": 12.0}, {"preset": "vox_ac30"})

    def table(self) -> dict[str, EffectParam]:
        """The pots that the amplifier has."""
        return {name: row for name, row in self._pots.items() if name != "mid" or CIRCUITS[self.preset].mid_pot}

    def prepare(self) -> None:
        """The components, and the gain."""
        self.circuit = CIRCUITS[self.preset]
        self._makeup = 10.0 ** (self.makeup_db / 20)

    def sections(self, *, bass: Tensor, mid: Tensor | None = None, treble: Tensor) -> Tensor:
        """The network as two sections [b0 b1 b2 a0 a1 a2], float64.

        Args:
            bass: (B, 1, 1) or (B, 1, T); so are the others.
            mid: position; None where there is no such pot.
            treble: position.

        Returns:
            (B, 1, 1, 2, 6), or (B, 1, T, 2, 6) where a pot moves.
        """
        return pot_sections(
            self.circuit, self.sample_rate, bass=bass, mid=mid, treble=treble, gain=self._makeup, taper=self.bass_taper
        )


def pot_sections(
    circuit: Circuit,
    sample_rate: float,
    *,
    bass: Tensor,
    mid: Tensor | None,
    treble: Tensor,
    gain: float = 1.0,
    taper: str = "linear",
) -> Tensor:
    """What ``ToneStack`` filters with: pots (B, 1, 1 or F) to sections (B, 1, 1 or F, 2, 6), float64.

    Args:
        circuit: of ``CIRCUITS``.
        sample_rate: in Hz.
        bass: position of its pot.
        mid: the same, None where there is no such pot.
        treble: the same.
        gain: after the network, an amplitude.
        taper: of the bass pot, "linear" or "audio".
    """
    mid = torch.ones_like(bass) if mid is None else mid
    low, m, t = torch.broadcast_tensors(bass.double(), mid.double(), treble.double())
    if taper == "audio":
        low = torch.expm1(math.log(_TAPER) * low) / (_TAPER - 1)
    # With no track left here and the mid pot full, a capacitor stands alone: a pole at infinity, Nyquist's for the
    # bilinear transform, where nothing dies away. No pot ends that well.
    low = _TRACK_END + (1 - _TRACK_END) * low
    # With time in half samples the bilinear transform is s = (z - 1) / (z + 1).
    b1, b2, b3, a1, a2, a3 = _network(circuit, low, m, t, 2 * sample_rate)
    slow = _slowest(a1, a2, a3)
    product = a3 / slow
    total = (a2 - product) / slow
    p, w = 1 / slow, product.rsqrt()
    v = p.sqrt()
    one = torch.ones_like(p)
    # s / (s + p), times (s + 1) / (s + 1), which is a delay less a delay.
    first = [v, (1 + p) / v, one, 1 / v, torch.zeros_like(p)]
    k = gain / slow
    second = [w, total * w, k * b3 / product, k * b2 * w, k * b1]
    return svf_to_sos(torch.stack([torch.stack(first, -1), torch.stack(second, -1)], -2))


def _network(circuit: Circuit, low: Tensor, m: Tensor, t: Tensor, rate: float) -> tuple[Tensor, ...]:
    """b1, b2, b3, a1, a2, a3 of Yeh and Smith's equation 1, time in units of 1 / rate."""
    R1, R2, R4 = (1e3 * r for r in (circuit.treble, circuit.bass, circuit.slope))
    R3: Tensor | float = 1e3 * circuit.mid
    if not circuit.mid_pot:
        R3 = R3 * R2 * (1 - low) / (R3 + R2 * (1 - low))
    C1, C2, C3 = (rate * c for c in (1e-12 * circuit.c1, 1e-9 * circuit.c2, 1e-9 * circuit.c3))
    C123 = C1 * C2 * C3
    both = low * (C1 + C2) * R2 + m * C3 * R3
    track = m * (1 - m) * (C1 + C2) * C3 * R3 * R3
    b1 = t * C1 * R1 + both + (C1 + C2) * R3
    b2 = (
        t * C1 * (C2 + C3) * R1 * R4
        + track
        + m * C1 * C3 * R1 * R3
        + low * C1 * (C2 * (R1 + R4) + C3 * R4) * R2
        + low * m * (C1 + C2) * C3 * R2 * R3
        + C1 * (C2 * (R1 + R4) + C3 * R4) * R3
    )
    shared = (low * m * R2 * R3 + m * (1 - m) * R3 * R3) * (R1 + R4)
    b3 = C123 * (shared + t * (1 - m) * R1 * R3 * R4 + t * low * R1 * R2 * R4)
    a1 = C1 * R1 + (C1 + C2) * R3 + (C2 + C3) * R4 + both
    a2 = (
        m * C3 * R3 * (C1 * R1 - C2 * R4)
        + track
        + low * m * (C1 + C2) * C3 * R2 * R3
        + low * R2 * (C1 * C2 * (R1 + R4) + (C1 + C2) * C3 * R4)
        + C1 * (C2 + C3) * R1 * R4
        + C1 * C2 * (R1 + R4) * R3
        + (C1 + C2) * C3 * R3 * R4
    )
    a3 = C123 * (shared + (low * R2 + (1 - m) * R3) * R1 * R4)
    return b1, b2, b3, a1, a2, a3


def _slowest(a1: Tensor, a2: Tensor, a3: Tensor) -> Tensor:
    """The largest of the three time constants tau with tau^3 - a1 tau^2 + a2 tau - a3 = 0, all real and positive.

    From above the largest root Newton's method falls onto it without fail; Laguerre and Samuelson's bound is above it.
    """
    tau = (a1 + 2 * (a1 * a1 - 3 * a2).sqrt()) / 3
    for _ in range(_NEWTON_STEPS):
        tau = tau - (((tau - a1) * tau + a2) * tau - a3) / ((3 * tau - 2 * a1) * tau + a2)
    return tau
