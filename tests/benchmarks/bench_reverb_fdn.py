"""FDNReverb and the network in it beside pedalboard's Reverb, and ways to compute beside each other: 44.1 kHz, stereo.

Pedalboard's runs at 557 times real time on the machine of the figures; 300 times real time is 0.54 of it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from harness import Scaling, Speed

from diffFx_pytorch.processors import FDNReverb
from diffFx_pytorch.recursion import feedback_network

RATE, T = 44_100, 20 * 44_100
SAMPLES = 2 * T
ABSORPTION = [0.9, -0.1, 0.0, 1.0, -0.2, 0.0]


def signal(samples: int = T, batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, 2, samples, generator=torch.Generator().manual_seed(0))


def pedalboard() -> Callable[[], object]:
    from pedalboard import Reverb

    board, x = Reverb(), signal().numpy()[0]
    return lambda: board(x, RATE)


def network(num_lines: int) -> Callable[[], object]:
    g = torch.Generator().manual_seed(0)
    delays = torch.linspace(900, 3000, num_lines, dtype=torch.float64).round()
    matrix = torch.linalg.qr(torch.randn(num_lines, num_lines, generator=g, dtype=torch.float64))[0]
    gains = torch.randn(num_lines, 2, generator=g, dtype=torch.float64)
    sections = torch.tensor(ABSORPTION, dtype=torch.float64).expand(num_lines, 2, 6)
    x = signal()[0]
    return lambda: feedback_network(x, delays, matrix, gains, gains.mT, sections, longest=3000)


def effect(**construction: object) -> Callable[[], object]:
    fx, x = FDNReverb(RATE, **construction), signal()

    def run() -> object:
        with torch.no_grad():
            return fx(x)

    return run


def training(samples: int, gradient: bool, batch: int = 1, **construction: object) -> Callable[[], object]:
    fx, x = FDNReverb(RATE, **construction), signal(samples, batch)
    flat = torch.full((batch, len(fx.params)), 0.5, requires_grad=gradient)
    if not gradient:
        return lambda: fx(x, norm_params=flat)
    return lambda: torch.autograd.grad(fx(x, norm_params=flat).square().sum(), flat)


def _beside_pedalboard(name: str, make: Callable[[], Callable[[], object]], target: float | None) -> Speed:
    return Speed(name, make, pedalboard, "pedalboard Reverb", target, SAMPLES)


SPEED = [
    _beside_pedalboard("feedback network, 8 lines", lambda: network(8), 0.54),
    _beside_pedalboard("feedback network, 16 lines", lambda: network(16), None),
    _beside_pedalboard("FDNReverb, 8 lines", effect, 1.0),
    _beside_pedalboard("FDNReverb, 16 lines", lambda: effect(num_lines=16), None),
    _beside_pedalboard("FDNReverb, octave bands", lambda: effect(decay="octave"), None),
    _beside_pedalboard("FDNReverb, modulated", lambda: effect(modulation=True), None),
    Speed(
        "FDNReverb, 2 s, forward + backward",
        lambda: training(2 * RATE, True),
        lambda: training(2 * RATE, False),
        "ours, forward",
        0.2,
        4 * RATE,
    ),
    Speed(
        "FDNReverb, 8 of 1 s, forward + backward, in frequency",
        lambda: training(RATE, True, 8, compute="frequency"),
        lambda: training(RATE, True, 8),
        "ours, in time",
        None,
        16 * RATE,
    ),
]


def _of_length(samples: int) -> Callable[[], object]:
    fx, x = FDNReverb(RATE), signal(samples)
    return lambda: fx(x)


SCALING = [Scaling("FDNReverb, forward", _of_length, 2)]
