"""Dattorro's plate."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.oscillator import oscillate, phase_ramp
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import DelayGraph, delay_graph
from ...recursion.graph import MINUS, PLUS
from ..delay.tone import lowpass_pole
from .predelay import MIX, PREDELAY, longest_predelay, predelayed
from .response import decay_curve

PAPER_RATE = 29761
"""Sample rate in Hz at which the paper counts its samples."""

INPUT_DIFFUSERS = ((142, "diffusion_1"), (107, "diffusion_1"), (379, "diffusion_2"), (277, "diffusion_2"))
TANK = ((672, 4453, 1800, 3720), (908, 4217, 2656, 3163))
"""Modulated all-pass, delay, all-pass, delay of either half."""

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

_WET = 0.6


class PlateReverb(Processor):
    r"""A tank of two halves that feed each other, with all-passes that an oscillator moves, tapped fourteen times.

    The mean of both sides goes, after the predelay and a one-pole low-pass (``bandwidth_hz``), through four all-pass
    diffusers into both halves of the tank. A half is an all-pass of 672 (908) samples at 29761 Hz, moved by up to 16,
    a delay of 4453 (4217), a one-pole low-pass (``damping_hz``), the gain g, an all-pass of 1800 (2656), a delay of
    3720 (3163), and g again on the way into the other half. Once round takes 0.725 s times ``size`` and four times g:

    .. math:: g = 10^{-3 \cdot 0.725\,\mathrm{size} / (4 T)}, \qquad
        T = \max(T_{60} - 0.08\,\mathrm{size},\ T_{60} / 2)

    for the all-passes hold most of what is heard longer than their mean delay, and the decay is as long as is asked
    for rather than as the paper's loop alone would be.

    Left and right are sums of seven taps each, out of both halves, times 0.6. The all-pass behind g has the gain
    g + 0.15 within 0.25 .. 0.5, the moved one -0.7. Lengths are scaled to the sample rate and rounded; the moved ones
    are read by cubic convolution. The left oscillator is a sine, the right one a cosine. Both low-passes are open at
    the ends of their ranges. A mono input goes to both sides.

    From ``size`` seconds up, measured T60 stands within 6 % of ``decay_s`` (10 % in single octaves: an all-pass holds
    some of them longer); below, the time that the sound takes through diffusers and tank shows, and it is longer: by a
    half at 0.3 s and size 1.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        size: factor on all lengths, 0.5 to 2.

    Raises:
        ValueError: for a size out of range.

    References:
        J. Dattorro, "Effect design, part 1: reverberator and other filters", JAES 45(9), 1997, figure 1, tables 1, 2.
        R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29(6), 1981.
    """

    params = {
        "decay_s": EffectParam(0.3, 30.0, 2.0, "log", "s", doc="Time in which the reverberation falls by 60 dB (T60)."),
        "damping_hz": EffectParam(500.0, 20000.0, 8000.0, "log", "Hz", doc="Darkens every turn; open at the end."),
        "bandwidth_hz": EffectParam(500.0, 20000.0, 20000.0, "log", "Hz", doc="Darkens the input; open at the end."),
        "diffusion": EffectParam(0.0, 1.0, 1.0, doc="How soft the attack is: 0 hears every echo, 1 is the paper's."),
        "predelay_ms": PREDELAY,
        "mod_rate_hz": EffectParam(0.1, 5.0, 1.0, "log", "Hz", doc="Speed of the oscillators in the tank."),
        "mod_depth": EffectParam(0.0, 1.0, 0.5, doc="How far they move it: 1 is 0.54 ms, 0.5 the paper's."),
        "width": EffectParam(0.0, 1.0, 1.0, doc="Of the reverberation: 0 is mono, 1 two sides."),
        "mix": MIX,
    }
    neutral = {"mix": 0.0}
    traits = {"linear", "causal", "odd"}
    channels = (1, 2)
    channels_out = 2
    crosses_channels = True
    variants = ({}, {"size": 0.6})

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        size: float = 1.0,
    ) -> None:
        super().__init__(sample_rate, param_range)
        if isinstance(size, bool) or not isinstance(size, (int, float)) or not 0.5 <= size <= 2:
            raise ValueError(f"PlateReverb: size must lie in 0.5 .. 2, got {size!r}")
        self.size = size
        self._scale = size * sample_rate / PAPER_RATE
        self._latest = longest_predelay(self.params["predelay_ms"], sample_rate)
        self._graph = _plate(self._scale)

    def process(
        self,
        x: Tensor,
        state: State,
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
    ) -> tuple[Tensor, State]:
        """Predelay, then all else in one graph; the state is phase, predelay and tank."""
        start, line, graph_state = (None, None, None) if state is None else state
        sides = x.expand(-1, 2, -1)
        both = (0.5 * _WET) * (sides[:, :1] + sides[:, 1:])
        early, line = predelayed(both, predelay_ms, self._latest, self.sample_rate, line)
        phase, start = phase_ramp(mod_rate_hz, self.sample_rate, x.shape[-1], start)
        excursion = mod_depth.double() * (EXCURSION * self._scale)
        delays = {
            name: (_length(TANK[half][0], self._scale) + excursion * oscillate(phase + half / 4)).squeeze(1)
            for half, name in enumerate(("left", "right"))
        }
        in_the_loop = torch.maximum(decay_s.double() - _HELD_S * self.size, 0.5 * decay_s.double())
        g = torch.pow(10.0, in_the_loop.reciprocal() * (-3 * _LOOP * self.size / 4))
        decay_diffusion = (g + 0.15).clamp(0.25, 0.5)
        wider = 0.5 * (width.double() - 1)
        gains = {
            "bandwidth": _pole(bandwidth_hz, self.sample_rate),
            "damping": _pole(damping_hz, self.sample_rate),
            "decay": g,
            "decay - 1": g - 1,
            "decay_diffusion": decay_diffusion,
            "-decay_diffusion": -decay_diffusion,
            "wider": wider,
            "narrower": -wider,
            "mix": mix.double(),
            "moved": -_DECAY_DIFFUSION,
            "-moved": _DECAY_DIFFUSION,
        }
        for i, most in enumerate(_INPUT_DIFFUSION, 1):
            gains[f"diffusion_{i}"] = diffusion.double() * most
            gains[f"-diffusion_{i}"] = diffusion.double() * -most
        flat = {name: v.squeeze(1) if isinstance(v, Tensor) else v for name, v in gains.items()}
        y, graph_state = delay_graph(torch.cat([sides, early], 1), self._graph, flat, delays, state=graph_state)
        return y, (start, line, graph_state)

    def tail(self, *, decay_s: Tensor, predelay_ms: Tensor, **others: Tensor) -> Tensor:
        """T60, after the predelay and the way through half the tank."""
        return 1.1 * decay_s.amax() + predelay_ms.amax() / 1000 + 0.5 * _LOOP * self.size

    def curve(self, **knobs: Tensor) -> Curve:
        """The decay of the energy, to -90 dB or ten seconds."""
        still = {name: knob[:1, :, :1].detach() for name, knob in knobs.items()}
        still["mix"] = torch.ones_like(still["mix"])
        seconds = min(10.0, float(self.tail(**still)))
        impulse = torch.zeros(1, 2, math.ceil(seconds * self.sample_rate), dtype=still["mix"].dtype)
        impulse[..., 0] = 1.0
        return decay_curve(self.process(impulse, None, **still)[0][0], self.sample_rate, "PlateReverb")


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
    for half, (name, (moved, first, still, _)) in enumerate(zip(("left", "right"), TANK, strict=True)):
        crossed = graph.read(lines[1 - half][3], _length(TANK[1 - half][3], scale))
        u = graph.mix(v, crossed, "decay")
        longest = math.ceil(_length(moved, scale) + EXCURSION * scale)
        u, _ = graph.all_pass(u, name, "moved", "-moved", longest)
        graph.write(lines[half][1], u)
        u = graph.one_pole(graph.read(lines[half][1], _length(first, scale)), "damping")
        # What is left of u after g: u + (g - 1) u.
        u = graph.mix(u, u, "decay - 1")
        u, lines[half][2] = graph.all_pass(u, _length(still, scale), "decay_diffusion", "-decay_diffusion")
        graph.write(lines[half][3], u)
    wet = []
    for taps in TAPS:
        reads = [graph.read(lines[half][element], _length(abs(at), scale)) for (half, element), at in taps]
        wet.append(graph.sum(reads, [PLUS if at > 0 else MINUS for _, at in taps]))
    graph.mix_sides((0, 1), wet)
    return graph
