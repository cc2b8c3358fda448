"""Tone stacks of guitar and bass amplifiers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...options import Choice, Number
from ...params import EffectParam
from ...recursion import svf_to_sos
from .filters import SectionFilter

_NEWTON_STEPS = 8
_TAPER = 81.0
_TRACK_END = 1e-5


@dataclass(frozen=True)
class Circuit:
    """Components of a tone stack.

    Args:
        treble, bass, mid: pots R1, R2, R3, in kilohms.
        slope: resistor R4, in kilohms.
        c1: treble capacitor, in picofarads.
        c2, c3: bass and mid capacitor, in nanofarads.
        source: where the values are from.
    """

    treble: float
    bass: float
    mid: float
    slope: float
    c1: float
    c2: float
    c3: float
    source: str


_CAPS = "schematic, as tabulated in the tone stacks of CAPS (T. Goetze) and Guitarix"

CIRCUITS = {
    "fender_bassman": Circuit(250, 1000, 25, 56, 250, 20, 20, "Bassman 5F6-A of 1959: Yeh and Smith 2006, figure 1"),
    "fender_twin_reverb": Circuit(250, 250, 10, 100, 120, 100, 47, f"Twin Reverb AA270 of 1969: {_CAPS}"),
    "fender_princeton": Circuit(250, 250, 4.8, 100, 250, 100, 47, f"Princeton: {_CAPS}"),
    "fender_blues_junior": Circuit(250, 250, 25, 100, 250, 22, 22, f"Blues Junior: {_CAPS}"),
    "fender_hot_rod_deville": Circuit(250, 250, 25, 130, 250, 100, 22, f"Hot Rod DeVille: {_CAPS}"),
    "marshall_major_200": Circuit(250, 1000, 25, 33, 500, 22, 22, f"Major, Lead 200, of 1967: {_CAPS}"),
    "marshall_jcm800": Circuit(220, 1000, 22, 33, 470, 22, 22, f"JCM 800 Lead 2203 of 1981: {_CAPS}"),
    "marshall_2199": Circuit(250, 250, 25, 56, 250, 47, 47, f"2199, 30 W solid state: {_CAPS}"),
    "mesa_boogie_mark": Circuit(250, 250, 25, 100, 250, 100, 47, f"Boogie Mark: {_CAPS}"),
    "soldano_slo_100": Circuit(250, 1000, 25, 47, 470, 20, 20, f"SLO-100: {_CAPS}"),
    "sovtek_mig_100": Circuit(500, 1000, 10, 47, 470, 22, 22, f"MIG-100H: {_CAPS}"),
    "peavey_classic_20": Circuit(250, 250, 20, 68, 270, 22, 22, f"Classic 20: {_CAPS}"),
    "ampeg_reverberocket": Circuit(250, 250, 10, 100, 100, 100, 47, f"Reverberocket: {_CAPS}"),
    "roland_cube_60": Circuit(250, 250, 10, 41, 240, 33, 82, f"Cube 60: {_CAPS}"),
    "bogner_triple_giant": Circuit(250, 1000, 33, 51, 220, 15, 47, f"Triple Giant preamplifier: {_CAPS}"),
}
"""Circuits by name."""


class ToneStack(SectionFilter):
    """The passive network of three pots between the stages of an amplifier, solved exactly.

    Between a source without resistance and an open output its transfer function is

        H(s) = (b1 s + b2 s^2 + b3 s^3) / (1 + a1 s + a2 s^2 + a3 s^3),

    each coefficient a polynomial of the pots and the components. The bilinear transform makes it digital. All poles of
    such a network are real and apart; the slowest is split off by Newton's method, so that it runs as two sections
    that stay stable while pots are turned. The network only ever takes away, 10 dB and more, and nothing makes up for
    that unless ``makeup_db`` is given. The bass pot keeps 1e-5 of its track at its end.

    References:
        D. T. Yeh, J. O. Smith, "Discretization of the '59 Fender Bassman tone stack", DAFx 2006, equations 1 and 2.
    """

    words = (
        "sets the tone of a guitar amplifier: bass at {bass:share}, middle at {mid:share}, treble at {treble:share}",
    )
    params = {
        "bass": EffectParam(0.0, 1.0, 0.5, doc="Bass pot; 1 is full."),
        "mid": EffectParam(0.0, 1.0, 0.5, doc="Mid pot; 0 digs the deepest hole."),
        "treble": EffectParam(0.0, 1.0, 0.5, doc="Treble pot; 1 is full."),
    }
    options = {
        "preset": Choice(*CIRCUITS, doc="Whose components; ``CIRCUITS`` names their sources."),
        "makeup_db": Number(-120, 120, 0.0, "dB", doc="Gain after the network."),
        "bass_taper": Choice(
            "linear",
            "audio",
            doc='"linear" takes the position of the bass pot as the part of its track; "audio" takes '
            "(81^position - 1) / 80, a tenth of the track at half a turn, as many amplifiers have it.",
        ),
    }
    exempt = {"neutral": "the network takes something away wherever its pots stand"}
    variants = ({}, {"preset": "mesa_boogie_mark", "bass_taper": "audio", "makeup_db": 12.0})

    def prepare(self) -> None:
        """The components, and the gain."""
        self.circuit = CIRCUITS[self.preset]
        self._makeup = 10.0 ** (self.makeup_db / 20)

    def sections(self, *, bass: Tensor, mid: Tensor, treble: Tensor) -> Tensor:
        """The network as two sections [b0 b1 b2 a0 a1 a2], float64.

        Args:
            bass: (B, 1, 1) or (B, 1, T); so are the others.
            mid: position.
            treble: position.

        Returns:
            (B, 1, 1, 2, 6), or (B, 1, T, 2, 6) where a pot moves.
        """
        low, m, t = torch.broadcast_tensors(bass.double(), mid.double(), treble.double())
        if self.bass_taper == "audio":
            low = torch.expm1(math.log(_TAPER) * low) / (_TAPER - 1)
        # With no track left here and the mid pot full, a capacitor stands alone: a pole at infinity, Nyquist's for the
        # bilinear transform, where nothing dies away. No pot ends that well.
        low = _TRACK_END + (1 - _TRACK_END) * low
        # With time in half samples the bilinear transform is s = (z - 1) / (z + 1).
        b1, b2, b3, a1, a2, a3 = _network(self.circuit, low, m, t, 2 * self.sample_rate)
        slow = _slowest(a1, a2, a3)
        product = a3 / slow
        total = (a2 - product) / slow
        p, w = 1 / slow, product.rsqrt()
        v = p.sqrt()
        one = torch.ones_like(p)
        # s / (s + p), times (s + 1) / (s + 1), which is a delay less a delay.
        first = [v, (1 + p) / v, one, 1 / v, torch.zeros_like(p)]
        k = self._makeup / slow
        second = [w, total * w, k * b3 / product, k * b2 * w, k * b1]
        return svf_to_sos(torch.stack([torch.stack(first, -1), torch.stack(second, -1)], -2))


def _network(circuit: Circuit, low: Tensor, m: Tensor, t: Tensor, rate: float) -> tuple[Tensor, ...]:
    """b1, b2, b3, a1, a2, a3 of Yeh and Smith's equation 1, time in units of 1 / rate."""
    R1, R2, R3, R4 = (1e3 * r for r in (circuit.treble, circuit.bass, circuit.mid, circuit.slope))
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
