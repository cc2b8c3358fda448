"""Shapers without oversampling beside pedalboard's: 60 s stereo, 44.1 kHz, float32, forward; memory-bound.

The peer of those that no library has is our own shaper inside them, oversampled as they are.
"""

import torch
from harness import Speed

from diffFx_pytorch.processors import (
    AmpStage,
    BassEnhancer,
    BitCrusher,
    Exciter,
    HardClipper,
    MultiBandSaturator,
    TanH,
    Tape,
)

RATE, T = 44_100, 60 * 44_100
SAMPLES = 2 * T


def signal():
    return 0.5 * torch.randn(1, 2, T, generator=torch.Generator().manual_seed(0))


def make_ours(cls, **knobs):
    fx, x = cls(RATE, **({} if cls is BitCrusher else {"oversampling": 1})), signal()

    def forward():
        with torch.no_grad():
            fx(x, dsp_params=knobs)

    return forward


def make_default(cls):
    fx, x = cls(RATE), signal()

    def forward():
        with torch.no_grad():
            fx(x)

    return forward


def beside_tanh(name, cls):
    return Speed(
        f"{name}, 60 s stereo, forward",
        lambda: make_default(cls),
        lambda: make_default(TanH),
        "its shaper, TanH",
        None,
        SAMPLES,
    )


def make_pedalboard(effect, **options):
    import pedalboard

    board, x = getattr(pedalboard, effect)(**options), signal()[0].numpy()
    return lambda: board(x, RATE)


def row(name, ours, peer, target):
    return Speed(f"{name}, 60 s stereo, forward", ours, peer, "pedalboard", target, SAMPLES)


SPEED = [
    row(
        "hard clip",
        lambda: make_ours(HardClipper, drive_db=0.0),
        lambda: make_pedalboard("Clipping", threshold_db=0.0),
        0.5,
    ),
    row("bit crush, 8 bits", lambda: make_ours(BitCrusher, bits=8.0), lambda: make_pedalboard("Bitcrush"), 0.5),
    row(
        "tanh, 12 dB",
        lambda: make_ours(TanH, drive_db=12.0),
        lambda: make_pedalboard("Distortion", drive_db=12.0),
        None,
    ),
    beside_tanh("exciter", Exciter),
    beside_tanh("bass enhancer", BassEnhancer),
    beside_tanh("saturator in 3 bands", MultiBandSaturator),
    beside_tanh("tape", Tape),
    beside_tanh("amplifier, two stages", AmpStage),
]
