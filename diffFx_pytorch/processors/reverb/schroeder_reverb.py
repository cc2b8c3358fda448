"""Schroeder's reverberator in the form that Freeverb gave it."""

from __future__ import annotations

import torch
from torch import Tensor

from ...dsp.levels import decay_seconds
from ...params import EffectParam
from ...recursion import DelayGraph
from ...recursion.graph import MINUS
from ...recursion.ops.delay_graph import stacked_gains
from .delay_graph_reverb import DelayGraphReverb, side_gains
from .freeze import LONGEST_S, let_in, opened
from .predelay import MIX, PREDELAY

COMBS = (1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617)
ALL_PASSES = (556, 441, 341, 225)
SPREAD = 23
"""Lengths in samples at 44.1 kHz, and by how much those of the right side are longer."""

_INPUT, _ALL_PASS = 0.0208, 0.5
"""Of Freeverb it is 0.015; with this, pink noise is as loud as it was at the default setting."""
_LEAST_FEEDBACK, _MORE_FEEDBACK, _MOST_DAMPING = 0.7, 0.28, 0.4


class SchroederReverb(DelayGraphReverb):
    r"""Freeverb: for each side eight combs in parallel, then four all-passes in series.

    .. math:: w_i = u + g f_i, \quad f_i[n] = d f_i[n - 1] + (1 - d) w_i[n - D_i], \quad
        v = A_4 A_3 A_2 A_1 \sum_i w_i[n - D_i], \quad A(z) = \frac{-1 + 1.5 z^{-N}}{1 - 0.5 z^{-N}}

    with u = 0.0208 (L + R) after the predelay, g = 0.7 + 0.28 ``room_size``, d = 0.4 ``damping`` at 44.1 kHz. The
    right side's lines are 23 samples longer. T60 without damping is 0.7, 1.5 and 13 s at room sizes 0, 0.5 and 1; the
    combs being of different lengths they do not agree about it. A mono input goes to both sides.

    Without predelay and at 44.1 kHz it computes what ``pedalboard.Reverb(room_size, damping, wet_level=0.462 * mix,
    dry_level=(1 - mix) / 2, width)`` does to a stereo signal. The lengths are those of 44.1 kHz, scaled to the sample
    rate and rounded down as JUCE does; of other rates, d is such that it damps the same frequencies (JUCE's begins
    higher at a higher rate).

    ``freezable=True`` adds a knob that makes T60 longer by 1 / (1 - freeze), as g^(1 - freeze), opens the damping and
    lets so much less in: at 1 the combs lose nothing, and the room sounds on as it is until the knob goes back. Its
    tail is then said to be 60 s.

    References:
        M. R. Schroeder, "Natural sounding artificial reverberation", JAES 10(3), 1962.
        J. A. Moorer, "About this reverberation business", Computer Music Journal 3(2), 1979.
        J. O. Smith, "Physical audio signal processing", W3K 2010, "Freeverb" (Jezar at Dreampoint, 2000).
    """

    words = ("adds a room of {room_size:share} size, {damping:share} damped, {predelay_ms} after the sound",)
    params = {
        "room_size": EffectParam(
            0.0, 1.0, 0.5, search="decay", doc="Length of the reverberation: T60 from 0.7 to 13 s."
        ),
        "damping": EffectParam(0.0, 1.0, 0.5, doc="How much faster high frequencies decay."),
        "predelay_ms": PREDELAY,
        "width": EffectParam(0.0, 1.0, 1.0, doc="Width of the reverberation: 0 is mono, 1 two separate sides."),
        "mix": MIX,
    }
    traits = {"linear", "time_invariant", "causal", "odd"}
    variants = ({}, {"freezable": True})
    level = _INPUT

    def graph(self) -> DelayGraph:
        """Combs and all-passes of the sample rate."""
        return _freeverb(self.sample_rate)

    def control(
        self,
        *,
        room_size: Tensor,
        damping: Tensor,
        predelay_ms: Tensor,
        width: Tensor,
        mix: Tensor,
        freeze: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The gains of the graph, and what it lets in."""
        gains = {
            "all_pass": _ALL_PASS,
            "feedback": _feedback(room_size, freeze),
            "damping": opened(_at_rate(_MOST_DAMPING * damping.double(), self.sample_rate), freeze),
            **side_gains(width),
            "mix": mix.double(),
        }
        return {"predelay_ms": predelay_ms, "gains": stacked_gains(self._graph, gains), **let_in(freeze)}

    def tail(self, *, room_size: Tensor, predelay_ms: Tensor, freeze: Tensor | None = None, **others: Tensor) -> Tensor:
        """The longest comb, after the predelay and with the longest all-pass behind it."""
        comb, diffuser = (COMBS[-1] + SPREAD) / 44100, (ALL_PASSES[0] + SPREAD) / 44100
        ringing = decay_seconds(torch.tensor(_ALL_PASS), diffuser)
        decay = decay_seconds(_feedback(room_size, freeze).amax(), comb).clamp_max(LONGEST_S)
        return decay + ringing + 2 * comb + predelay_ms.amax() / 1000


def _feedback(room_size: Tensor, freeze: Tensor | None) -> Tensor:
    """Of the combs; frozen, of a decay that is longer by 1 / (1 - freeze)."""
    feedback = _LEAST_FEEDBACK + _MORE_FEEDBACK * room_size.double()
    return feedback if freeze is None else feedback ** (1 - freeze.double())


def _at_rate(pole: Tensor, sample_rate: float) -> Tensor:
    """The pole at a sample rate of the low-pass |H|^2 = 1 / (1 + 4 k sin^2(w / 2)), k = d / (1 - d)^2 at 44.1 kHz."""
    k = pole / (1 - pole) ** 2 * (sample_rate / 44100) ** 2
    return 2 * k / (1 + 2 * k + torch.sqrt(1 + 4 * k))


def _freeverb(sample_rate: float) -> DelayGraph:
    """Inputs: left, right, and what goes into the combs."""
    graph = DelayGraph(3)
    wet = []
    for longer in (0, SPREAD):
        combs, all_passes = (
            [max(1, int(int(sample_rate) * (length + longer) / 44100)) for length in lengths]
            for lengths in (COMBS, ALL_PASSES)
        )
        lines = [graph.line() for _ in combs]
        echoes = [graph.read(line, length) for line, length in zip(lines, combs, strict=True)]
        dull = [graph.one_pole(echo, "damping") for echo in echoes]
        for line, f in zip(lines, dull, strict=True):
            graph.write(line, graph.mix(2, f, "feedback"))
        v = graph.sum(echoes)
        for length in all_passes:
            line = graph.line()
            echo = graph.read(line, length)
            graph.write(line, graph.mix(v, echo, "all_pass"))
            v = graph.mix(echo, v, MINUS)
        wet.append(v)
    graph.mix_sides((0, 1), wet)
    return graph
