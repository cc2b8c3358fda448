"""Diffusion delay."""

from __future__ import annotations

import functools
from dataclasses import replace

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import decay_seconds
from ...kernels.transforms import is_traced
from ...options import Number
from ...params import EffectParam
from ...processor import State
from ...recursion import DelayGraph, delay_graph
from ...recursion.graph import MINUS, SPREAD
from ...recursion.ops.delay_graph import stacked_gains
from ..choices import TEMPO
from .crossfade import fades_of
from .timed import NOTE, TimedDelay, echo_time
from .tone import TONE, highpass_pole, lowpass_pole

_SHARES = tuple(length / 905 for length in (142, 107, 379, 277))
"""Of the four all-passes in their length together: Dattorro's input diffusers."""

_MOST = 0.7
"""Gain of the all-passes at a diffusion of 1: Schroeder's."""

_ROOM = 0.9
"""Of the shortest delay, what the all-passes may fill."""


class DiffusionDelay(TimedDelay):
    r"""Echoes that smear: w[n] = x[n] + g F(e[n]), e = A_1 A_2 A_3 A_4 w(n - (d - N)), y = (1 - m) x + m e.

    .. math:: A_i(z) = \frac{z^{-N_i} - c}{1 - c z^{-N_i}}, \qquad c = 0.7\,\mathrm{diffusion}, \qquad N = \sum_i N_i

    Four of Schroeder's all-passes stand in the loop behind the line, so that the first echo is a short cloud, the next
    a longer one, and the last a reverberation; no frequency gets louder or softer by it, for they pass all alike. The
    line is shorter by as much as they delay on average: at a diffusion of 0 they are delays of N samples together, and
    it is a plain delay of d; above that the energy of an echo lies about the same time, before it and behind, since
    the mean group delay of an all-pass is its order. F, a one-pole low-pass and a one-pole high-pass, is that of
    ``FeedbackDelay``: the first echo does not go through it. The lengths are 142, 107, 379 and 277 parts of N, which
    is ``size_ms``, or 0.9 of the shortest delay of the range if that is less. The line is read by cubic convolution,
    which takes up to 0.7 dB at 10 kHz from every echo whose delay lies between two samples of 44.1 kHz. Where the delay
    changes, what is in the all-passes still comes out first, in N samples.

    References:
        M. R. Schroeder, "Natural sounding artificial reverberation", JAES 10(3), 1962 (the all-pass, and its gain).
        M. A. Gerzon, "Unitary (energy-preserving) multichannel networks with feedback", Electronics Letters 12(11),
        1976 (all-passes in a loop).
        J. Dattorro, "Effect design, part 1: reverberator and other filters", JAES 45(9), 1997, table 1 (lengths).
        R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29(6), 1981.
    """

    words = (
        "repeats after {delay_ms} with {feedback:share} of the one before, above {highpass_hz} and below {lowpass_hz}",
        "smears the repeats by {diffusion:share}",
    )
    time_ms = replace(echo_time(450.0), min_val=70.0)
    note = replace(NOTE, min_val=0.25)
    rest = {
        "feedback": EffectParam(-0.99, 0.99, 0.5, doc="Level of each echo over the one before; below 0 inverts."),
        "diffusion": EffectParam(0.0, 1.0, 0.7, doc="How far each pass smears an echo: 0 is a plain delay."),
        "lowpass_hz": replace(TONE["lowpass_hz"], default=5000.0),
        "highpass_hz": replace(TONE["highpass_hz"], default=100.0),
        "mix": EffectParam(0.0, 1.0, 0.35, doc="Share of the echoes in the output."),
    }
    options = {
        "tempo_bpm": TEMPO,
        "size_ms": Number(
            5, 500, 60, "ms", doc="Length of the all-passes together; at most 0.9 of the shortest delay."
        ),
    }
    variants = ({}, {"tempo_bpm": 90.0, "size_ms": 20})

    def prepare(self) -> None:
        """The graph, and the one with a second read, which is played where the delay steps.

        Raises:
            ValueError: for a range of delays that begins below a dozen samples.
        """
        super().prepare()
        name = f"delay_{self.unit}"
        shortest = self.params[name].min_val * self.seconds * self.sample_rate
        if shortest < 12:
            raise ValueError(
                f"{name} begins at {self.params[name].min_val:g}, which is less than 12 samples at this sample rate; "
                "the all-passes need as many"
            )
        size = min(self.size_ms / 1000 * self.sample_rate, _ROOM * shortest)
        self._lengths = tuple(max(1, round(share * size)) for share in _SHARES)
        while sum(self._lengths) + SPREAD + 1 > shortest:
            self._lengths = tuple(max(1, length - 1) for length in self._lengths)
        self._full = self._longest + SPREAD
        self._graph = _smearing(self._lengths, self._full, False)

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        feedback: Tensor,
        diffusion: Tensor,
        lowpass_hz: Tensor,
        highpass_hz: Tensor,
        mix: Tensor,
        **time: Tensor,
    ) -> tuple[Tensor, State]:
        """Run the graph; the state is that of the lines and filters, and of the fade."""
        lines, memory = (None, None) if state is None else state
        low, high = lowpass_pole(lowpass_hz, self.sample_rate), highpass_pole(highpass_hz, self.sample_rate)
        gains: dict[str, Tensor | float] = {
            "feedback": feedback,
            "up": -_MOST * diffusion.double(),
            "down": _MOST * diffusion.double(),
            "low": 0.0 if low is None else low,
            "high": 1.0 if high is None else high,
        }
        delay = self.samples(self.time(time)) - sum(self._lengths)
        fades, memory = fades_of(delay, x, memory, self._fade)
        if fades is not None:
            delay = torch.cat((fades.new, fades.old), 1)
            gains["old"] = 1 - fades.weight.unsqueeze(1)
        lines, remembered = self._with_room(lines, x.shape[-1])
        is_usual = fades is None and remembered == self._full  # as it is wherever a call is compiled
        graph = self._graph if is_usual else _smearing(self._lengths, remembered, fades is not None)
        k, delay = stacked_gains(graph, gains), delay.clamp_max(remembered - SPREAD)
        echoes, lines = delay_graph(x.unsqueeze(2), graph, k.unsqueeze(1), delay.unsqueeze(1), zi=lines, return_zf=True)
        return torch.lerp(x, echoes.squeeze(2), mix), (lines, memory)

    def _with_room(self, lines: tuple[Tensor, Tensor] | None, samples: int) -> tuple[tuple[Tensor, Tensor] | None, int]:
        """The lines before a block of so many samples, and how many the loop's line then holds.

        It holds what there has been, not five seconds of silence before it: a power of two, until that is all.
        """
        held = 0 if lines is None else lines[0].shape[-1] - sum(self._lengths)
        wanted = self._full if is_traced() else min(self._full, 1 << (held + samples + SPREAD + 2).bit_length())
        if lines is None or held >= wanted:
            return lines, max(held, wanted)
        return (torch.nn.functional.pad(lines[0], (wanted - held, 0)), lines[1]), wanted

    def tail(self, *, feedback: Tensor, diffusion: Tensor, **others: Tensor) -> Tensor:
        """One delay until the last echo of the input begins, then the loop dies away, where all-passes hold it most.

        Their group delay is at most N (1 + c) / (1 - c), where it is N on average.
        """
        c = _MOST * diffusion
        longer = 2 * c / (1 - c) * (sum(self._lengths) / self.sample_rate)
        ringing = decay_seconds(c, max(self._lengths) / self.sample_rate).amax()
        return self.loop_tail(feedback, self.time(others) + longer / self.seconds) + ringing

    def curve(self, **knobs: Tensor) -> Curve:
        """Level of the echoes of a click."""
        return self.cloud(knobs)


@functools.lru_cache(maxsize=64)
def _smearing(lengths: tuple[int, ...], remembered: int, is_fading: bool) -> DelayGraph:
    """The loop; where it fades with a second read of its line, of which "old" is the share. Their states are alike."""
    graph = DelayGraph(1)
    line = graph.line()
    v = graph.time_varying_read(line, "delay", remembered - SPREAD)
    if is_fading:
        before = graph.time_varying_read(line, "delay_before", remembered - SPREAD)
        v = graph.mix(v, graph.mix(before, v, MINUS), "old")
    for length in lengths:
        v, _ = graph.all_pass(v, length, "up", "down")
    dull = graph.one_pole(v, "low")
    thin = graph.mix(dull, graph.one_pole(dull, "high"), MINUS)
    graph.write(line, graph.mix(0, thin, "feedback"))
    graph.output(v)
    graph.steps()  # remembered by the first that asks, which must not be a call while it is compiled
    return graph
