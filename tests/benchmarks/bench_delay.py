"""The delay line beside pedalboard's Delay and Chorus, and its backward beside its forward: 60 s stereo, 44.1 kHz.

The target of the rows beside our own forward is a quarter: a backward that costs three forwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from harness import Scaling, Speed, one_thread

from diffFx_pytorch.recursion import delay_line, feedback_delay

RATE, T = 44_100, 60 * 44_100
SAMPLES = 2 * T
Make = Callable[[], Callable[[], object]]


def signal(*lead: int, samples: int = T) -> torch.Tensor:
    return torch.randn(*lead, samples, generator=torch.Generator().manual_seed(0))


def sweep(centre: float, depth: float, rate_hz: float, samples: int = T) -> torch.Tensor:
    """A delay in samples that moves as a sine does, (1, 1, T)."""
    phase = 2 * math.pi * rate_hz / RATE * torch.arange(samples, dtype=torch.float64)
    return (centre + depth * torch.sin(phase)).float()[None, None]


def constant(**keywords: object) -> Callable[[], object]:
    x, delay = signal(1, 2), torch.tensor(4410.5)
    return lambda: feedback_delay(x, delay, 0.5, **keywords)


def chorus_read(interpolation: str) -> Callable[[], object]:
    x, delay = signal(1, 2), sweep(0.007 * RATE, 0.0025 * RATE, 1.0)
    return lambda: delay_line(x, delay, interpolation=interpolation)


def pedalboard(effect: str) -> Callable[[], object]:
    from pedalboard import Chorus, Delay

    board = Delay(0.1, 0.5, 0.5) if effect == "Delay" else Chorus(mix=0.5)
    x = signal(2).numpy()
    return lambda: board(x, RATE)


def modulated(gradient: bool, interpolation: str, batch: int = 1, samples: int = T) -> Callable[[], object]:
    """Forward, or forward and backward to signal, delay and feedback."""
    x = signal(batch, 2, samples=samples).requires_grad_(gradient)
    delay = sweep(882, 200, 0.5, samples).requires_grad_(gradient)
    feedback = torch.tensor(0.5, requires_grad=gradient)
    if not gradient:
        return lambda: feedback_delay(x, delay, feedback, interpolation=interpolation)
    upstream = torch.ones_like(x)

    def both() -> object:
        v = feedback_delay(x, delay, feedback, interpolation=interpolation)
        return torch.autograd.grad(v, (x, delay, feedback), upstream)

    return both


def _beside_pedalboard(name: str, make: Make, effect: str) -> Speed:
    return Speed(name, make, lambda: pedalboard(effect), f"pedalboard {effect}", 1.0, SAMPLES)


def _beside_forward(interpolation: str) -> Speed:
    name = f"delay, modulated feedback, {interpolation}, forward + backward"
    ours, peer = (lambda: modulated(True, interpolation)), (lambda: modulated(False, interpolation))
    return Speed(name, ours, peer, "ours, forward", 0.25, SAMPLES)


def _two_threads(gradient: bool) -> Speed:
    name = f"delay, modulated feedback, lagrange, 16 channels, forward{' + backward' if gradient else ''}"
    samples = 10 * RATE

    def make() -> Callable[[], object]:
        return modulated(gradient, "lagrange", 8, samples)

    return Speed(name, make, lambda: one_thread(make()), "ours, one thread", 1.7, 16 * samples, threads=2)


SPEED = [
    _beside_pedalboard("delay, constant, lagrange", constant, "Delay"),
    _beside_pedalboard("delay, constant, filters in the loop", lambda: constant(lowpass=0.3, highpass=0.99), "Delay"),
    _beside_pedalboard("delay, time-varying read, cubic", lambda: chorus_read("cubic"), "Chorus"),
    _beside_pedalboard("delay, time-varying read, lagrange", lambda: chorus_read("lagrange"), "Chorus"),
    _beside_forward("cubic"),
    _beside_forward("lagrange"),
    _two_threads(False),
    _two_threads(True),
]


def _of_length(samples: int) -> Callable[[], object]:
    x = signal(1, samples=samples)
    return lambda: feedback_delay(x, 4410.5, 0.5)


SCALING = [Scaling("delay, constant, lagrange, forward", _of_length)]
