"""Dattorro's plate."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ...dsp.oscillator import oscillator
from ...kernels.constants import constant
from ...options import Number
from ...params import EffectParam
from ...processor import State
from ...recursion import DelayGraph, one_pole
from ...recursion.graph import MINUS, PLUS
from ...recursion.ops.delay_graph import stacked_gains
from ..delay.tone import lowpass_pole
from .delay_graph_reverb import DelayGraphReverb, side_gains
from .freeze import FREEZABLE, let_in, longest_decay, opened
from .predelay import MIX, PREDELAY

PAPER_RATE = 29761
"""Sample rate in Hz at which the paper counts its samples."""

INPUT_DIFFUSERS = ((142, "diffusion_1"), (107, "diffusion_1"), (379, "diffusion_2"), (277, "diffusion_2"))
TANK = ((672, 4453, 1800, 3720), (908, 4217, 2656, 3163))
"""Modulated all-pass, delay, all-pass, delay of either half."""

MOVED = "left", "right"
"""Names of the time-varying delays."""

TAPS = (
    (((1, 1), 266), ((1, 1), 2974), ((1, 2), -1913), ((1, 3), 1996), ((0, 1), -1990), ((0, 2), -187), ((0, 3), -1066)),
    (((0, 1), 353), ((0, 1), 3627), ((0, 2), -1228), ((0, 3), 2673), ((1, 1), -2111), ((1, 2), -335), ((1, 3), -121)),
)
"""Of left and right: (half, element), samples, negative where subtracted."""

EXCURSION = 16.0
"""Most samples by which the oscillators move an all-pass; half of it is the paper's."""

_LOOP = sum(map(sum, TANK)) / PAPER_RATE
_INPUT_DIFFUSION = (0.75, 0.625)
_DECAY_DIFFUSION = 0.7
_HELD_S = 0.08
"""By how much longer the decay is measured than the loop says, at size 1 and from 1 s up."""

_REST_S = 0.02
"""In which the oscillators come to rest in a frozen plate."""

_WET = 0.53
"""Of the paper it is 0.6; with this, pink noise is as loud as it was at the default setting."""


class PlateReverb(DelayGraphReverb):
    r"""A tank of two halves that feed each other, with all-passes that an oscillator moves, tapped fourteen times.

    The mean of both sides goes, after the predelay and a one-pole low-pass (``bandwidth_hz``), through four all-pass
    diffusers into both halves of the tank. A half is an all-pass of 672 (908) samples at 29761 Hz, moved by up to 16, a
    delay of 4453 (4217), a one-pole low-pass (``damping_hz``), the gain g, an all-pass of 1800 (2656), a delay of 3720
    (3163), and g again on the way into the other half. One round takes 0.725 s times ``size`` and passes g four times:

    .. math:: g = 10^{-3 \cdot 0.725\,\mathrm{size} / (4 T)}, \qquad
        T = \max(T_{60} - 0.08\,\mathrm{size},\ T_{60} / 2)

    The second term makes up for the all-passes, which hold most of the sound longer than their mean delay: so the decay
    is as long as is asked for.

    Left and right are sums of seven taps each, out of both halves, times 0.53. The all-pass behind g has the gain
    g + 0.15 within 0.25 .. 0.5, the moved one -0.7. Lengths are scaled to the sample rate and rounded; the moved ones
    are read by cubic convolution. The left oscillator is a sine, the right one a cosine. Both low-passes are open at
    the ends of their ranges. A mono input goes to both sides.

    From ``size`` seconds up, measured T60 stands within 6 % of ``decay_s`` (10 % in single octaves: an all-pass holds
    some of them longer); below, the time that the sound takes through diffusers and tank shows, and it is longer: by a
    half at 0.3 s and size 1.

    ``freezable=True`` adds a knob that makes the decay longer by 1 / (1 - freeze), as g^(1 - freeze), opens the
    damping, brings the oscillators to rest and lets so much less in: at 1 the tank loses nothing, and the plate sounds
    on as it is until the knob goes back. Its tail is then said to be 60 s.

    References:
        J. Dattorro, "Effect design, part 1: reverberator and other filters", JAES 45(9), 1997, figure 1, tables 1, 2.
        R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29(6), 1981.
    """

    words = ("adds a plate that dies in {decay_s}, {predelay_ms} after the sound, darker above {damping_hz}",)
    params = {
        "decay_s": EffectParam(
            0.3, 30.0, 2.0, "log", "s", search="decay", doc="Time in which the reverberation falls by 60 dB (T60)."
        ),
        "damping_hz": EffectParam(
            500.0, 20000.0, 8000.0, "log", "Hz", doc="Low-pass in the loop of the tank; off at the top of its range."
        ),
        "bandwidth_hz": EffectParam(
            500.0, 20000.0, 20000.0, "log", "Hz", doc="Low-pass on the input; off at the top of its range."
        ),
        "diffusion": EffectParam(0.0, 1.0, 1.0, doc="Density of the onset: 0 has separate echoes, 1 is the paper's."),
        "predelay_ms": PREDELAY,
        "mod_rate_hz": EffectParam(
            0.1, 5.0, 1.0, "log", "Hz", search="rate", doc="Speed of the oscillators in the tank."
        ),
        "mod_depth": EffectParam(0.0, 1.0, 0.5, doc="Depth of the modulation: 1 is 0.54 ms, 0.5 the paper's."),
        "width": EffectParam(0.0, 1.0, 1.0, doc="Width of the reverberation: 0 is mono, 1 two separate sides."),
        "mix": MIX,
    }
    options = {"size": Number(0.5, 2, 1.0, doc="Factor on all lengths."), "freezable": FREEZABLE}
    traits = {"linear", "causal", "odd"}
    variants = ({}, {"size": 0.6}, {"freezable": True})
    level = 0.5 * _WET

    def prepare(self) -> None:
        """The graph, its lengths scaled."""
        self._scale = self.size * self.sample_rate / PAPER_RATE
        self._rest = math.exp(-1 / (_REST_S * self.sample_rate))
        super().prepare()

    def graph(self) -> DelayGraph:
        """The plate, scaled."""
        return _plate(self._scale)

    def control(
        self,
        *,
        decay_s: Tensor,
        damping_hz: Tensor,
        bandwidth_hz: Tensor,
        diffusion: Tensor,
        predelay_ms: Tensor,
        mod_rate_hz: Tensor,
        mod_depth: Tensor,
        width: Tensor,
        mix: Tensor,
        freeze: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The gains of the graph, what it lets in, and what the oscillators need."""
        in_the_loop = torch.maximum(decay_s.double() - _HELD_S * self.size, 0.5 * decay_s.double())
        g = torch.pow(10.0, opened(in_the_loop.reciprocal() * (-3 * _LOOP * self.size / 4), freeze))
        decay_diffusion = (g + 0.15).clamp(0.25, 0.5)
        gains = {
            "bandwidth": _pole(bandwidth_hz, self.sample_rate),
            "damping": opened(_pole(damping_hz, self.sample_rate), freeze),
            "decay": g,
            "decay - 1": g - 1,
            "decay_diffusion": decay_diffusion,
            "-decay_diffusion": -decay_diffusion,
            **side_gains(width),
            "mix": mix.double(),
            "moved": -_DECAY_DIFFUSION,
            "-moved": _DECAY_DIFFUSION,
        }
        for i, most in enumerate(_INPUT_DIFFUSION, 1):
            gains[f"diffusion_{i}"] = diffusion.double() * most
            gains[f"-diffusion_{i}"] = diffusion.double() * -most
        return {
            "predelay_ms": predelay_ms,
            "mod_rate_hz": mod_rate_hz,
            "excursion": opened(mod_depth.double() * (EXCURSION * self._scale), freeze),
            "gains": stacked_gains(self._graph, gains),
            **let_in(freeze),
        }

    def reverberated(
        self, x: Tensor, state: State, *, mod_rate_hz: Tensor, excursion: Tensor, **coefficients: Any
    ) -> tuple[Tensor, State]:
        """Predelay, then all else in one graph; the state is phase, excursion, predelay and tank."""
        phase, reach, state = (None, None, None) if state is None else state
        if self.freezable:
            # A length that jumped to where it rests would click in what is held.
            reach = excursion[..., 0] if reach is None else reach
            excursion, reach = one_pole(excursion.expand(-1, -1, x.shape[-1]), self._rest, reach, return_zf=True)
        ahead = torch.arange(2, device=x.device).view(1, 2, 1) / 4
        waves, phase = oscillator(mod_rate_hz, self.sample_rate, x.shape[-1], phase, ahead=ahead)
        lengths = constant(tuple(float(_length(moved, self._scale)) for moved, *_ in TANK), waves.dtype, waves.device)
        delays = torch.addcmul(lengths[:, None], excursion, waves)
        y, state = super().reverberated(x, state, delays=delays, **coefficients)
        return y, (phase, reach, state)

    def tail(self, *, decay_s: Tensor, predelay_ms: Tensor, freeze: Tensor | None = None, **others: Tensor) -> Tensor:
        """T60, after the predelay and the way through half the tank."""
        return 1.1 * longest_decay(decay_s, freeze) + predelay_ms.amax() / 1000 + 0.5 * _LOOP * self.size


def _length(samples: int, scale: float) -> int:
    return max(1, round(samples * scale))


def _pole(freq_hz: Tensor, sample_rate: float) -> Tensor:
    pole = lowpass_pole(freq_hz, sample_rate)
    return torch.zeros_like(freq_hz, dtype=torch.float64) if pole is None else pole


def _plate(scale: float) -> DelayGraph:
    """Inputs: left, right, and what goes into the plate."""
    graph = DelayGraph(3)
    v = graph.one_pole(2, "bandwidth")
    for length, gain in INPUT_DIFFUSERS:
        v, _ = graph.all_pass(v, _length(length, scale), gain, f"-{gain}")
    lines = [[0, graph.line(), 0, graph.line()] for _ in TANK]
    # Of both halves at once: a filter waits for its own last output, and two of them wait together.
    heard = [graph.read(half[1], _length(first, scale)) for half, (_, first, _, _) in zip(lines, TANK, strict=True)]
    dull = [graph.one_pole(node, "damping") for node in heard]
    for half, (name, (moved, _, still, _)) in enumerate(zip(MOVED, TANK, strict=True)):
        crossed = graph.read(lines[1 - half][3], _length(TANK[1 - half][3], scale))
        u = graph.mix(v, crossed, "decay")
        longest = math.ceil(_length(moved, scale) + EXCURSION * scale)
        u, _ = graph.all_pass(u, name, "moved", "-moved", longest)
        graph.write(lines[half][1], u)
        # What is left of it after g: u + (g - 1) u.
        u = graph.mix(dull[half], dull[half], "decay - 1")
        u, lines[half][2] = graph.all_pass(u, _length(still, scale), "decay_diffusion", "-decay_diffusion")
        graph.write(lines[half][3], u)
    wet = []
    for taps in TAPS:
        reads = [graph.read(lines[half][element], _length(abs(at), scale)) for (half, element), at in taps]
        wet.append(graph.sum(reads, [PLUS if at > 0 else MINUS for _, at in taps]))
    graph.mix_sides((0, 1), wet)
    return graph
