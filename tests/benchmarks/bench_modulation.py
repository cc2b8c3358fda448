"""Delays and modulation beside pedalboard: 60 s stereo, 44.1 kHz, float32, forward without gradient.

The peer of the last rows is our own forward: their target is a quarter, a backward that costs three forwards.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from harness import Speed

from diffFx_pytorch import Processor
from diffFx_pytorch.processors import (
    AutoWah,
    BasicDelay,
    Chorus,
    DiffusionDelay,
    Ensemble,
    FeedbackDelay,
    FeedbackFlanger,
    GranularDelay,
    LFOFilter,
    MultiTapDelay,
    Phaser,
    PingPongDelay,
    RotarySpeaker,
    TapeDelay,
    ThroughZeroFlanger,
)

RATE, T = 44_100, 60 * 44_100


def _sound() -> torch.Tensor:
    return 0.1 * torch.randn(1, 2, T, generator=torch.Generator().manual_seed(0))


def _forward(cls: type[Processor], **construction) -> Callable[[], Callable[[], object]]:
    def make():
        fx, x = cls(RATE, **construction), _sound()

        def call():
            with torch.no_grad():
                return fx(x)

        return call

    return make


def _pedalboard(name: str, **knobs) -> Callable[[], Callable[[], object]]:
    def make():
        import pedalboard

        effect, x = getattr(pedalboard, name)(**knobs), _sound()[0].numpy()
        return lambda: effect(x, RATE)

    return make


def _trained(cls: type[Processor]) -> Callable[[], Callable[[], object]]:
    def make():
        fx, x = cls(RATE), _sound().requires_grad_()
        flat = fx.demap_parameters(fx.to_flat({})).requires_grad_()
        return lambda: torch.autograd.grad(fx(x, norm_params=flat).sum(), (x, flat))

    return make


def _both_ways(cls: type[Processor]) -> Speed:
    return Speed(f"{cls.__name__}, forward + backward", _trained(cls), _forward(cls), "its forward", 0.25, 2 * T)


_DELAY = _pedalboard("Delay", delay_seconds=0.25, feedback=0.35, mix=0.35)
SPEED = [
    Speed("BasicDelay", _forward(BasicDelay), _DELAY, "pedalboard Delay", 1.0, 2 * T),
    Speed("FeedbackDelay", _forward(FeedbackDelay), _DELAY, "pedalboard Delay", 1.0, 2 * T),
    Speed("DiffusionDelay", _forward(DiffusionDelay), _forward(FeedbackDelay), "FeedbackDelay", None, 2 * T),
    Speed("GranularDelay", _forward(GranularDelay), _forward(MultiTapDelay, num_taps=8), "MultiTapDelay", None, 2 * T),
    Speed("TapeDelay", _forward(TapeDelay), _forward(FeedbackDelay), "FeedbackDelay", None, 2 * T),
    Speed("PingPongDelay", _forward(PingPongDelay), _DELAY, "pedalboard Delay", 1.0, 2 * T),
    Speed("Chorus", _forward(Chorus), _pedalboard("Chorus"), "pedalboard Chorus", 1.0, 2 * T),
    Speed(
        "Chorus, cubic", _forward(Chorus, interpolation="cubic"), _pedalboard("Chorus"), "pedalboard Chorus", 1.0, 2 * T
    ),
    Speed("Phaser", _forward(Phaser), _pedalboard("Phaser"), "pedalboard Phaser", 2.0, 2 * T),
    Speed(
        "ThroughZeroFlanger",
        _forward(ThroughZeroFlanger),
        _pedalboard("Chorus", centre_delay_ms=5.0, feedback=0.0),
        "pedalboard Chorus, as a flanger",
        None,
        2 * T,
    ),
    Speed(
        "LFOFilter",
        _forward(LFOFilter),
        _pedalboard("LadderFilter", cutoff_hz=1000.0),
        "pedalboard LadderFilter, standing still",
        None,
        2 * T,
    ),
    Speed("RotarySpeaker", _forward(RotarySpeaker), _pedalboard("Chorus"), "pedalboard Chorus", None, 2 * T),
    Speed("Ensemble", _forward(Ensemble), _pedalboard("Chorus"), "pedalboard Chorus", None, 2 * T),
    _both_ways(FeedbackFlanger),
    _both_ways(Phaser),
    _both_ways(AutoWah),
]
