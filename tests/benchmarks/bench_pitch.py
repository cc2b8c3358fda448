"""Pitch shift beside pedalboard's, and what is near it beside it: 4 s mono, 44.1 kHz, float32, forward."""

import torch
from harness import Speed

from diffFx_pytorch.processors import DynamicEqualizer, Harmonizer, PitchCorrection, PitchShift, Vocoder

RATE, T = 44_100, 4 * 44_100


def make(cls, **given):
    fx, x = cls(RATE, **given), 0.5 * torch.randn(1, 1, T, generator=torch.Generator().manual_seed(0))

    def forward():
        with torch.no_grad():
            fx(x)

    return forward


def make_pedalboard():
    import pedalboard

    board, x = pedalboard.PitchShift(4.0), torch.randn(1, T, generator=torch.Generator().manual_seed(0)).numpy()
    return lambda: board(x, RATE)


def plain():
    return make(PitchShift, semitones=4.0)


SPEED = [
    Speed("pitch shift, 4 semitones up, 4 s mono, forward", plain, make_pedalboard, "pedalboard", None, T),
    Speed(
        "pitch shift, formants kept, forward",
        lambda: make(PitchShift, semitones=4.0, formants="keep"),
        plain,
        "its own, formants moved",
        None,
        T,
    ),
    Speed("pitch correction, forward", lambda: make(PitchCorrection), plain, "one pitch shift", None, T),
    Speed(
        "vocoder, 16 bands twice, forward",
        lambda: make(Vocoder),
        lambda: make(DynamicEqualizer, num_bands=32),
        "a dynamic equaliser of 32 bands",
        None,
        T,
    ),
    Speed("harmonizer, 2 voices, forward", lambda: make(Harmonizer), plain, "one pitch shift", None, T),
]
