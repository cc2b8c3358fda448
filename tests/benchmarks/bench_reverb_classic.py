"""Schroeder's and Dattorro's reverbs beside pedalboard's Reverb: 60 s stereo, 44.1 kHz, float32, without gradient.

The peer of the last rows is our own forward: a backward costs about three of them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from harness import Speed

from diffFx_pytorch import Processor
from diffFx_pytorch.processors import (
    EarlyReflections,
    PlateReverb,
    SchroederReverb,
    ShapedReverb,
    ShimmerReverb,
    VelvetReverb,
)

RATE, T = 44_100, 60 * 44_100


def _sound(samples: int = T) -> torch.Tensor:
    return 0.1 * torch.randn(1, 2, samples, generator=torch.Generator().manual_seed(0))


def _forward(cls: type[Processor], samples: int = T) -> Callable[[], Callable[[], object]]:
    def make():
        fx, x = cls(RATE), _sound(samples)

        def call():
            with torch.no_grad():
                return fx(x)

        return call

    return make


def _pedalboard() -> Callable[[], object]:
    import pedalboard

    effect, x = pedalboard.Reverb(), _sound()[0].numpy()
    return lambda: effect(x, RATE)


def _trained(cls: type[Processor]) -> Callable[[], Callable[[], object]]:
    def make():
        fx, x = cls(RATE), _sound(2 * RATE).requires_grad_()
        flat = fx.demap_parameters(fx.to_flat({})).requires_grad_()
        return lambda: torch.autograd.grad(fx(x, norm_params=flat).sum(), (x, flat))

    return make


_PEER = "pedalboard Reverb"
SPEED = [
    Speed("SchroederReverb", _forward(SchroederReverb), _pedalboard, _PEER, 1.5, 2 * T),
    Speed("PlateReverb", _forward(PlateReverb), _pedalboard, _PEER, 1.2, 2 * T),
    Speed("ShimmerReverb", _forward(ShimmerReverb), _forward(PlateReverb), "PlateReverb", None, 2 * T),
    Speed("ShapedReverb", _forward(ShapedReverb), _forward(VelvetReverb), "VelvetReverb", None, 2 * T),
    Speed("EarlyReflections", _forward(EarlyReflections), _pedalboard, _PEER, None, 2 * T),
    *(
        Speed(
            f"{cls.__name__}, forward and backward, 2 s",
            _trained(cls),
            _forward(cls, 2 * RATE),
            "its forward",
            None,
            4 * RATE,
        )
        for cls in (SchroederReverb, PlateReverb)
    ),
]
