"""Granular delay."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.oscillator import phase_ramp
from ...dsp.panning import pan_gains
from ...options import Integer
from ...params import EffectParam
from ...processor import State
from ...recursion import DelayGraph, delay_graph
from ...recursion.graph import MINUS, PLUS
from ..choices import SEED, TEMPO
from ..tiles import in_pieces
from .timed import TimedDelay, echo_time

_GRAINS = 1024
"""Of a voice, until what was drawn for them comes again."""

_LEAST_MS = 2.0
"""Shortest delay of a grain."""

_MOST_AT_ONCE = 32
_PIECE = 1 << 15
"""Of both sides: the rows of all voices are to stay in the cache."""


class GranularDelay(TimedDelay):
    r"""Echoes in grains: of a line w, windows a and places p, y = (1 - m) x + m sum_v p_v a_v w(n - d_v) / sqrt(S).

    .. math:: w[n] = x[n] + \frac g S \sum_v a_v w(n - d_v), \qquad a_v = \sin^2(\pi q), \qquad
        S = \sqrt{1 + \big(\textstyle\sum_v a_v\big)^2}, \qquad
        d_v = D + R\, u_j + (1 - r) (q - \tfrac12)\, G, \qquad r = 2^{\mathrm{semitones} / 12}

    Each of V voices plays one grain after the other, in periods of V G / density: G is the length of a grain, and
    ``density`` how many sound at once on average. Within its period a grain begins at a time of its own, and q goes
    from 0 to 1 along it. Its middle is D = ``delay_ms`` late and up to R = ``spray_ms`` more, it is read r times as
    fast, and placed up to ``spread`` to either side, by constant power. Times u_j, places and beginnings are drawn
    once, for 1024 grains a voice, when the effect is built: every call, device and rate has the same. A grain reads
    nothing that is not there yet: it is late enough for its speed, and 2 ms at least.

    S is the sum of the windows, or one: so what is fed back is never louder than the line was, and the loop is stable
    at any g between -1 and 1, while grains that have nothing in common are about as loud together as one. What is fed
    back is shifted again, and not placed. The line is read by cubic convolution. A grain keeps the time, pitch and
    length that it began with, so nothing clicks where they step. The derivatives by ``semitones``, ``grain_ms`` and
    ``density`` are exact, and those of a phase: they grow with time.

    References:
        C. Roads, Microsound, MIT Press 2001, chapters 3 (granular synthesis) and 5 (granulation of sampled sounds).
        R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29(6), 1981.
    """

    words = (
        "repeats after {delay_ms}, scattered over {spray_ms}, in grains of {grain_ms}, {density} of them at once",
        "shifts the grains by {semitones} semitones",
        "repeats {feedback:share} of that again",
    )
    time_ms = replace(echo_time(400.0), min_val=20.0, max_val=2000.0)
    rest = {
        "grain_ms": EffectParam(10.0, 500.0, 90.0, "log", "ms", doc="Length of a grain."),
        "density": EffectParam(0.5, 8.0, 4.0, "log", doc="Grains that sound at once, on average."),
        "semitones": EffectParam(-12.0, 12.0, 0.0, doc="Change of pitch of a grain; 12 semitones are an octave."),
        "spray_ms": EffectParam(0.0, 1000.0, 120.0, unit="ms", doc="How much later a grain may be than its time."),
        "spread": EffectParam(0.0, 1.0, 0.7, doc="How far from the centre grains are placed."),
        "feedback": EffectParam(-0.99, 0.99, 0.3, doc="Share of the grains that goes into the line; below 0 inverts."),
        "mix": EffectParam(0.0, 1.0, 0.4, doc="Share of the grains in the output."),
    }
    options = {
        "tempo_bpm": TEMPO,
        "voices": Integer(1, _MOST_AT_ONCE, 8, doc="How many grains there can be at once; more cost more."),
        "seed": SEED,
    }
    traits = {"linear", "causal", "odd"}
    channels = (1, 2)
    channels_out = 2
    variants = ({}, {"tempo_bpm": 240.0, "voices": 3, "seed": 2})

    _drawn: Tensor

    def table(self) -> dict[str, EffectParam]:
        """The time, and the rest: no more grains at once than there are voices."""
        table = super().table()
        most = float(self.voices)
        return table | {
            "density": replace(table["density"], min_val=min(0.5, most / 2), max_val=most, default=most / 2)
        }

    def prepare(self) -> None:
        """What is drawn, and the graph."""
        super().prepare()
        drawn = np.random.default_rng(self.seed).random((3, self.voices, _GRAINS))
        self.register_buffer("_drawn", torch.from_numpy(drawn), persistent=False)
        per_ms = self.sample_rate / 1000
        fastest = max(
            abs(2 ** (self.params["semitones"].max_val / 12) - 1), 1 - 2 ** (self.params["semitones"].min_val / 12)
        )
        reach = fastest * self.params["grain_ms"].max_val / 2
        longest = self._longest + (self.params["spray_ms"].max_val + 2 * reach + _LEAST_MS) * per_ms
        self._graph = _granular(self.voices, math.ceil(longest) + 1)

    def process(self, x: Tensor, state: State, **knobs: Tensor) -> tuple[Tensor, State]:
        """``granulated``, by pieces."""
        return in_pieces(self.granulated, x.expand(-1, 2, -1), state, knobs, _PIECE)

    def granulated(
        self,
        x: Tensor,
        state: State,
        *,
        grain_ms: Tensor,
        density: Tensor,
        semitones: Tensor,
        spray_ms: Tensor,
        spread: Tensor,
        feedback: Tensor,
        mix: Tensor,
        **time: Tensor,
    ) -> tuple[Tensor, State]:
        """The grains, then the graph; the state is where the voices are, what their grains began with, and the line."""
        phase, count, last, began, lines = (None, 0.0, None, None, None) if state is None else state
        V, T = self.voices, x.shape[-1]
        length = grain_ms.double() * (self.sample_rate / 1000)
        share = density.double() / V
        rate = share / length * self.sample_rate
        turns, phase = phase_ramp(rate, self.sample_rate, T, phase)
        turns = turns + torch.arange(V, device=x.device, dtype=torch.float64).view(1, -1, 1) / V
        grain = turns.detach().floor()
        u, place, begin = self._drawn_for(grain + count)
        # The first voice has no phase of its own: its turns tell how many grains have been begun.
        passed = turns[:, :1, -1:].detach() + rate[..., -1:].detach() / self.sample_rate - phase.detach()
        count = (count + passed.round()) % _GRAINS
        last, started = grain[..., -1:] - passed.round(), _last_start(grain, last)

        ratio = (semitones.double() / 12).exp2()
        reach = (1 - ratio) * length
        least = reach.abs() / 2 + _LEAST_MS / 1000 * self.sample_rate
        middle = self.samples(self.time(time)) + spray_ms.double() * (self.sample_rate / 1000) * u
        middle = torch.maximum(middle, least)
        share, reach, middle = (
            _held(now, started, None if began is None else began[i]) for i, now in enumerate((share, reach, middle))
        )
        began = tuple(kept[..., -1:] for kept in (share, reach, middle))

        q = ((turns - grain - begin * (1 - share)) / share).clamp(0.0, 1.0)
        window = torch.sin(math.pi * q).square()
        delay = middle + reach * (q - 0.5)

        total = (1 + window.sum(1, keepdim=True).square()).sqrt()
        sides = torch.stack(pan_gains(spread.double() * (2 * place - 1)), 1) * math.sqrt(2)
        heard = sides * (window / total.sqrt()).unsqueeze(1)
        again = (window / total).unsqueeze(1).expand_as(heard)
        fed = feedback.double().unsqueeze(1).expand(-1, 2, -1, T)
        gains = torch.cat((again, heard, fed), 2)
        wet, lines = delay_graph(x.unsqueeze(2), self._graph, gains, delay.unsqueeze(1), zi=lines, return_zf=True)
        return torch.lerp(x, wet.squeeze(2), mix), (phase, count, last, began, lines)

    def _drawn_for(self, grain: Tensor) -> Tensor:
        """What was drawn for grains (B, V, T), as (3, B, V, T)."""
        voice = torch.arange(self.voices, device=grain.device).view(-1, 1)
        return self._drawn[:, voice, (grain % _GRAINS).long()]

    def tail(self, *, feedback: Tensor, spray_ms: Tensor, grain_ms: Tensor, **others: Tensor) -> Tensor:
        """As of a delay that is as late as the latest grain."""
        later = (spray_ms + grain_ms) / (1000 * self.seconds)
        return self.loop_tail(feedback, self.time(others) + later)

    def curve(self, **knobs: Tensor) -> Curve:
        """Level of the grains of a burst of noise."""
        return self.cloud(knobs, noise_s=0.25)


def _last_start(grain: Tensor, last: Tensor | None) -> Tensor:
    """Where in the block the grain of each sample began, -1 before it; from numbers (B, V, T) and those before."""
    before = grain[..., :1] - 1 if last is None else last
    at = torch.arange(grain.shape[-1], device=grain.device)
    return torch.where(torch.cat((before, grain), -1).diff() > 0, at, -1).cummax(-1).values


def _held(now: Tensor, started: Tensor, before: Tensor | None) -> Tensor:
    """What a knob, (B, 1 or V, 1 or T), was when the grain began, (B, V, T); ``before`` of those begun before."""
    kept = now.expand(*started.shape).gather(-1, started.clamp_min(0))
    return kept if before is None else torch.where(started < 0, before, kept)


def _granular(voices: int, longest: int) -> DelayGraph:
    """The line, and the sums of the grains: what is fed back, which stands first among the gains, and what is heard."""
    graph = DelayGraph(1)
    line = graph.line()
    reads = [graph.time_varying_read(line, f"delay_{v}", longest) for v in range(voices)]
    sums = []
    for name in ("again", "heard"):
        # Of no node a weight alone: what is read, less itself, is nothing.
        total = graph.sum([reads[0], reads[0]], [PLUS, MINUS])
        for v, read in enumerate(reads):
            total = graph.mix(total, read, f"{name}_{v}")
        sums.append(total)
    graph.write(line, graph.mix(0, sums[0], "feedback"))
    graph.output(sums[1])
    graph.steps()  # remembered by the first that asks, which must not be a call while it is compiled
    return graph
