"""Shimmer: a reverb that climbs."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ...dsp.oscillator import phase_ramp
from ...kernels.constants import constant
from ...params import EffectParam
from ...processor import State
from ...recursion import DelayGraph
from ...recursion.graph import MINUS, PLUS
from ...recursion.ops.delay_graph import stacked_gains
from ..delay.tone import lowpass_pole
from .delay_graph_reverb import DelayGraphReverb, side_gains
from .fdn_network import nearest_primes, prime_lengths
from .freeze import longest_decay, opened
from .predelay import MIX, PREDELAY

LINES_MS = (41.0, 53.0, 67.0, 83.0)
"""Of the loop, at size 1."""

HELD_MS = (11.3, 13.7, 16.9, 19.1)
"""All-passes behind the lines."""

DIFFUSERS_MS = ((4.7, 7.9, 12.7), (3.7, 8.3, 9.7))
"""All-passes before the loop, for the left and the right side."""

WINDOWS_MS = (80.0, 97.0)
"""Over which the taps of the two shifters go."""

EARLIEST_MS = 10.0
"""Of a tap."""

_DIFFUSION, _HELD = 0.7, 0.6
_HIGHEST_HZ, _LOWEST_HZ = 7000.0, 60.0
"""What is shifted by r is low-passed twice, from 7 kHz / r up, and high-passed."""

_WET = 2.0
"""With this, pink noise is as loud as it was at the default setting."""


class ShimmerReverb(DelayGraphReverb):
    r"""A feedback delay network of four lines, of which two pass through pitch shifters in the loop.

    .. math:: c' = \frac{\cos\theta\, c + \sin\theta\, h}{\sqrt{1 + \kappa \sin 2\theta}}, \qquad
        h = \gamma^{\bar d} \sqrt{\min(1, r)}\; S_r F c, \qquad r = 2^{s / 12}, \qquad \kappa = e^{-(s / 2)^2}, \qquad
        \theta = \tfrac\pi 2\, \mathrm{shimmer}

    After the predelay each side goes through three all-passes into two of the lines, and comes out of these again; all
    four are mixed by a Hadamard matrix, and behind each are a one-pole low-pass (``damping_hz``) and an all-pass. Every
    delay of n samples, of lines and all-passes, has the gain :math:`\gamma^n`, :math:`\gamma = 10^{-3 / (f_s T_{60})}`,
    so that without shimmer and damping all poles have this radius, and all frequencies the decay that is asked for.

    In two of the lines what comes round, c, is mixed with itself shifted by s semitones, so that with every round a
    share of the sound moves by the interval, and a share of that again. S_r reads a line at two taps that move over a
    window of 80 ms (97 ms in the other) by 1 - r of a sample each sample, half a window apart, weighted by sin^2 and
    cos^2 of pi times their place in the window, so that a tap is silent where it jumps; d is their mean delay. F is a
    high-pass of 60 Hz, since what has a period as long as a window is not shifted, and twice a low-pass
    of 7 kHz / r, against what reading faster folds back.

    The shifter adds no energy but for ripples of its windows: sound that is read r times as fast is r times as short,
    and is read r times as often. Downwards some of it is not read at all and the rest is longer by 1 / r: hence the
    root. Sound and shifted sound have other frequencies, so that their energies add up, cos^2 + sin^2; the nearer s is
    to 0, the more of them is the same, and kappa makes up for it. So the loop decays at every setting, and sooner than
    said where much is shifted, since two taps that have nothing in common keep three quarters of the energy.

    The lengths of the lines are prime numbers of samples. The gradient of ``size`` is a surrogate: that of lengths that
    are not rounded. That of ``semitones`` is exact and that of a phase: it grows with time, and over more than some
    hundredths of a semitone it says little. Pink noise is as loud as it was at the default setting; the gain of the
    input makes up for ``decay_s``. A mono input goes to both sides.

    ``freezable=True`` adds a knob that makes T60 longer by 1 / (1 - freeze), opens the damping, takes the shimmer back
    and lets so much less in: at 1 the loop loses nothing, and the hall sounds on as it is, without climbing any
    further, until the knob goes back. Its tail is then said to be 60 s.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997 (moving taps).
        J.-M. Jot, A. Chaigne, "Digital delay networks for designing artificial reverberators", AES 90th Convention,
        1991.
        B. Eno, D. Lanois, "Apollo: Atmospheres and Soundtracks", EG 1983 (a harmoniser and a reverb that feed each
        other).
    """

    words = (
        "adds a hall that dies in {decay_s}, {predelay_ms} after the sound, darker above {damping_hz}",
        "of which every round takes {shimmer:share} by {semitones} semitones",
    )
    params = {
        "decay_s": EffectParam(
            0.3, 30.0, 5.0, "log", "s", search="decay", doc="Time in which the reverberation falls by 60 dB (T60)."
        ),
        "shimmer": EffectParam(0.0, 1.0, 0.4, doc="How much of the sound in the loop is shifted each time."),
        "semitones": EffectParam(-12.0, 24.0, 12.0, doc="Interval by which it is shifted; 12 semitones are an octave."),
        "size": EffectParam(0.5, 2.0, 1.0, "log", doc="Length of the lines: 1 is 41 .. 83 ms.", automatable=False),
        "damping_hz": EffectParam(
            500.0, 20000.0, 7000.0, "log", "Hz", doc="Low-pass in the loop; off at the top of its range."
        ),
        "predelay_ms": PREDELAY,
        "width": EffectParam(0.0, 1.0, 1.0, doc="Width of the reverberation: 0 is mono, 1 two separate sides."),
        "mix": MIX,
    }
    variants = ({}, {"freezable": True})
    traits = {"linear", "causal", "odd"}
    exempt = {
        "gradients:size": "the lines have whole lengths; its gradient is that of lengths that are not rounded",
        "level": "what is shifted beyond Nyquist folds back: at 16 kHz it is 0.5 dB louder than at 22 kHz and above",
    }
    level = _WET

    _primes: Tensor

    def prepare(self) -> None:
        """The lengths that do not change, and the graph."""
        per_ms = self.sample_rate / 1000
        primes = nearest_primes(math.ceil(LINES_MS[-1] * per_ms * self.params["size"].max_val))
        self.register_buffer("_primes", primes, persistent=False)
        self._all_passes = tuple(int(primes[round(ms * per_ms)]) for ms in HELD_MS)
        self._diffusers = tuple(tuple(int(primes[round(ms * per_ms)]) for ms in side) for side in DIFFUSERS_MS)
        self._windows = tuple(ms * per_ms for ms in WINDOWS_MS)
        self._earliest = EARLIEST_MS * per_ms
        super().prepare()

    def graph(self) -> DelayGraph:
        """The loop, for the sample rate."""
        reaches = tuple(math.ceil(self._earliest + window) for window in self._windows)
        return _shimmering(self._diffusers, self._all_passes, int(self._primes.max()), reaches)

    def fed(self, sides: Tensor) -> Tensor:
        """Both sides, at a level."""
        return self.level * sides

    def control(
        self,
        *,
        decay_s: Tensor,
        shimmer: Tensor,
        semitones: Tensor,
        size: Tensor,
        damping_hz: Tensor,
        predelay_ms: Tensor,
        width: Tensor,
        mix: Tensor,
        freeze: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The gains of the graph, what it lets in, the lengths of the lines and the ratio of the interval."""
        wanted = size.double() * constant(LINES_MS, torch.float64, size.device).view(1, -1, 1)
        lengths = prime_lengths(wanted * (self.sample_rate / 1000), self._primes)
        neper = -3 * math.log(10) / (self.sample_rate * decay_s.double())
        decay = opened(neper, freeze)
        ratio = (semitones.double() / 12).exp2()
        theta = opened(0.5 * math.pi * shimmer.double(), freeze)
        level = (1 + torch.exp(-(semitones.double() / 2).square()) * (2 * theta).sin()).rsqrt()
        damping = lowpass_pole(damping_hz, self.sample_rate)
        gains: dict[str, Tensor | float] = {
            "diffusion": -_DIFFUSION,
            "-diffusion": _DIFFUSION,
            "held": -_HELD,
            "-held": _HELD,
            "damping": 0.0 if damping is None else opened(damping, freeze),
            "tone": torch.exp(-2 * math.pi * _HIGHEST_HZ / self.sample_rate / ratio),
            "rumble": math.exp(-2 * math.pi * _LOWEST_HZ / self.sample_rate),
            "stay - 1": level * theta.cos() - 1,
            **side_gains(width),
            "mix": mix.double(),
        }
        for i, length in enumerate(self._all_passes):
            gains[f"loss_{i}"] = 0.5 * torch.exp(decay * lengths[:, i : i + 1]) - 1
            gains[f"held_{i}"] = torch.exp(decay * length) - 1
        for i, window in enumerate(self._windows):
            kept = torch.exp(decay * (self._earliest + window / 2)) * ratio.clamp_max(1.0).sqrt()
            gains |= {f"window_{i}": 0.0, f"climb_{i}": kept * level * theta.sin()}
        mean = (lengths.mean(1, keepdim=True) + sum(self._all_passes) / len(self._all_passes)) * neper
        return {
            "predelay_ms": predelay_ms,
            "lengths": lengths,
            "ratio": ratio,
            "gains": stacked_gains(self._graph, gains),
            "inlet": opened((-torch.expm1(2 * mean)).sqrt(), freeze),
        }

    def reverberated(
        self, x: Tensor, state: State, *, gains: Tensor, lengths: Tensor, ratio: Tensor, inlet: Tensor, **others: Any
    ) -> tuple[Tensor, State]:
        """Predelay, then all else in one graph; the state is the phases of the taps, predelay and loop."""
        phase, state = (None, None) if state is None else state
        T = x.shape[-1]
        windows = constant(self._windows, torch.float64, x.device).view(1, -1, 1)
        if phase is None:
            # One tap stands in the middle of its window, heard alone.
            phase = torch.full_like(windows * ratio[..., :1], 0.5)
        turns, phase = phase_ramp((1 - ratio) / windows * self.sample_rate, self.sample_rate, T, phase)
        places = [turn - turn.detach().floor() for turn in (turns, turns + 0.5)]
        taps = [self._earliest + windows * place for place in places]
        weights = torch.sin(math.pi * places[0]).square()
        delays = torch.cat((torch.stack(taps, 2).flatten(1, 2), lengths.expand(-1, -1, T)), 1)
        gains = torch.cat((weights, gains[:, len(self._windows) :].expand(-1, -1, T)), 1)
        y, state = super().reverberated(x, state, gains=gains, delays=delays, inlet=inlet.to(x.dtype), **others)
        return y, (phase, state)

    def tail(
        self, *, decay_s: Tensor, predelay_ms: Tensor, size: Tensor, freeze: Tensor | None = None, **others: Tensor
    ) -> Tensor:
        """T60, after the predelay and the longest way without reverberation."""
        once = LINES_MS[-1] * size.amax() + HELD_MS[-1] + WINDOWS_MS[-1] + sum(DIFFUSERS_MS[0])
        return 1.1 * longest_decay(decay_s, freeze) + (predelay_ms.amax() + 2 * once) / 1000


def _shimmering(
    diffusers: tuple[tuple[int, ...], ...], held: tuple[int, ...], longest: int, reaches: tuple[int, ...]
) -> DelayGraph:
    """Inputs: left, right, and both as they go into the loop; moved are the delays of shifters, then those of lines."""
    graph = DelayGraph(4)
    shifters = [graph.line() for _ in reaches]
    shifted = []
    for i, (line, reach) in enumerate(zip(shifters, reaches, strict=True)):
        a, b = (graph.time_varying_read(line, f"tap_{i}_{tap}", reach) for tap in "ab")
        shifted.append(graph.mix(b, graph.mix(a, b, MINUS), f"window_{i}"))
    fed = [2, 3]
    for i, lengths in enumerate(diffusers):
        for length in lengths:
            fed[i], _ = graph.all_pass(fed[i], length, "diffusion", "-diffusion")
    lines = [graph.line() for _ in held]
    echoes = [graph.time_varying_read(line, f"length_{i}", longest) for i, line in enumerate(lines)]
    round_once = []
    for i, dull in enumerate([graph.one_pole(echo, "damping") for echo in echoes]):
        c, line = graph.mix(dull, dull, f"loss_{i}"), graph.line()
        late = graph.read(line, held[i])
        late = graph.mix(late, late, f"held_{i}")
        w = graph.mix(c, late, "-held")
        graph.write(line, w)
        round_once.append(graph.mix(late, w, "held"))
    for i, (line, h) in enumerate(zip(shifters, shifted, strict=True)):
        c = round_once[i]
        round_once[i] = graph.mix(graph.mix(c, c, "stay - 1"), h, f"climb_{i}")
        soft = graph.one_pole(graph.one_pole(c, "tone"), "tone")
        graph.write(line, graph.mix(soft, graph.one_pole(soft, "rumble"), MINUS))
    a, b, c, d = round_once
    left, right = ([graph.mix(a, b, k), graph.mix(c, d, k)] for k in (PLUS, MINUS))
    for i, k in enumerate((PLUS, MINUS)):
        for j, (near, far) in enumerate((left, right)):
            graph.write(lines[2 * i + j], graph.mix(graph.mix(near, far, k), fed[j], k))
    graph.mix_sides((0, 1), [graph.mix(a, c, MINUS), graph.mix(b, d, MINUS)])
    return graph
