"""Reverbs that are a response beside pedalboard's Convolution: 60 s stereo, 44.1 kHz, a response of 2 s.

The target of the rows beside our own forward is a fifth: a backward that costs four forwards.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from harness import Scaling, Speed

from diffFx_pytorch.processors import ConvolutionReverb, NoiseShapedReverb, VelvetReverb

RATE, T, L = 44_100, 60 * 44_100, 2 * 44_100


def signal(batch: int = 1, samples: int = T) -> torch.Tensor:
    return 0.1 * torch.randn(batch, 2, samples, generator=torch.Generator().manual_seed(0))


def response() -> torch.Tensor:
    noise = torch.randn(2, L, generator=torch.Generator().manual_seed(1))
    return noise * 10 ** (-1.5 * torch.arange(L) / RATE)


def room(**options: object) -> ConvolutionReverb:
    return ConvolutionReverb(RATE, ir=response(), **options)


def forward(fx: torch.nn.Module, x: torch.Tensor) -> Callable[[], object]:
    def call() -> object:
        with torch.no_grad():
            return fx(x)

    return call


def both(fx: torch.nn.Module, x: torch.Tensor) -> Callable[[], object]:
    """Forward, and backward to signal and knobs."""
    x = x.requires_grad_()
    knobs = torch.full((x.shape[0], len(fx.params)), 0.5, requires_grad=True)
    upstream = torch.ones_like(x)
    return lambda: torch.autograd.grad(fx(x, norm_params=knobs), (x, knobs), upstream)


def learning() -> Callable[[], object]:
    """Forward, and backward to the response."""
    fx, x = room(learnable=True), signal()
    upstream = torch.ones_like(x)
    return lambda: torch.autograd.grad(fx(x), (fx.response,), upstream)


def in_blocks(size: int, seconds: int = 10) -> Callable[[], object]:
    fx, x = room(), signal(samples=seconds * RATE)

    def call() -> None:
        play = fx.stream()
        with torch.no_grad():
            for block in x.split(size, -1):
                play(block)

    return call


def pedalboard(seconds: int = 60, block: int = 8192) -> Callable[[], object]:
    from pedalboard import Convolution

    board = Convolution(response().numpy(), mix=0.3, sample_rate=RATE)
    x = signal(samples=seconds * RATE)[0].numpy()
    return lambda: board(x, RATE, buffer_size=block)


def _forward_with_knobs() -> Callable[[], object]:
    fx, x = room(), signal()
    knobs = torch.full((1, len(fx.params)), 0.5)

    def call() -> object:
        with torch.no_grad():
            return fx(x, norm_params=knobs)

    return call


def _noise(gradient: bool) -> Callable[[], object]:
    return (both if gradient else forward)(NoiseShapedReverb(RATE), signal(2, L))


def _beside_pedalboard(name: str, make: Callable[[], Callable[[], object]]) -> Speed:
    return Speed(name, make, pedalboard, "pedalboard Convolution", 1.0, 2 * T)


def _blocks(size: int, target: float | None) -> Speed:
    return Speed(
        f"ConvolutionReverb, blocks of {size}",
        lambda: in_blocks(size),
        lambda: pedalboard(10, size),
        f"pedalboard Convolution, blocks of {size}",
        target,
        2 * 10 * RATE,
    )


SPEED = [
    _beside_pedalboard("ConvolutionReverb, forward", lambda: forward(room(), signal())),
    _beside_pedalboard("ConvolutionReverb, knobs moved, forward", _forward_with_knobs),
    _beside_pedalboard("NoiseShapedReverb, forward", lambda: forward(NoiseShapedReverb(RATE), signal())),
    _beside_pedalboard("VelvetReverb, forward", lambda: forward(VelvetReverb(RATE, ir_seconds=2.0), signal())),
    Speed(
        "ConvolutionReverb, forward + backward to signal and knobs",
        lambda: both(room(), signal()),
        _forward_with_knobs,
        "ours, forward",
        0.2,
        2 * T,
    ),
    Speed(
        "ConvolutionReverb, forward + backward to the response",
        learning,
        lambda: forward(room(), signal()),
        "ours, forward",
        0.2,
        2 * T,
    ),
    Speed(
        "NoiseShapedReverb, (2, 2, 88200), forward + backward",
        lambda: _noise(True),
        lambda: _noise(False),
        "ours, forward",
        0.2,
        4 * L,
    ),
    _blocks(RATE, 1.0),
    _blocks(4096, None),
    _blocks(512, 1.2),
]

SCALING = [Scaling("ConvolutionReverb, forward", lambda samples: forward(room(), signal(samples=samples)), 2)]
