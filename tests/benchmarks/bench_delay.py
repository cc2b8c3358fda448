"""The delay line beside pedalboard's Delay and Chorus, and its backward beside its forward: 60 s stereo, 44.1 kHz.

The peer of the last cases is our own forward: their target is a quarter, a backward that costs three forwards.
"""

import math

import torch

from diffFx_pytorch.recursion import delay_line, feedback_delay

RATE, T = 44_100, 60 * 44_100
SAMPLES = 2 * T


def signal():
    return torch.randn(1, 2, T, generator=torch.Generator().manual_seed(0))


def sweep(centre, depth, rate_hz):
    phase = 2 * math.pi * rate_hz / RATE * torch.arange(T, dtype=torch.float64)
    return (centre + depth * torch.sin(phase)).to(torch.float32)[None, None]


def make_delay(**keywords):
    x, delay = signal(), torch.tensor(4410.5)

    def forward():
        with torch.no_grad():
            feedback_delay(x, delay, 0.5, **keywords)

    return forward


def make_chorus_read(interpolation):
    x, delay = signal(), sweep(0.007 * RATE, 0.0025 * RATE, 1.0)

    def forward():
        with torch.no_grad():
            delay_line(x, delay, interpolation=interpolation)

    return forward


def make_pedalboard(effect):
    import pedalboard

    board = pedalboard.Delay(0.1, 0.5, 0.5) if effect == "Delay" else pedalboard.Chorus(mix=0.5)
    x = signal()[0].numpy()
    return lambda: board(x, RATE)


def make_modulated(backward, **keywords):
    x, delay = signal().requires_grad_(backward), sweep(882, 200, 0.5).requires_grad_(backward)
    feedback = torch.tensor(0.5, requires_grad=backward)
    grad = torch.ones(1, 2, T)

    def forward():
        with torch.no_grad():
            feedback_delay(x, delay, feedback, **keywords)

    def both():
        x.grad = delay.grad = feedback.grad = None
        feedback_delay(x, delay, feedback, **keywords).backward(grad)

    return both if backward else forward


CASES = [
    ("delay, constant, lagrange, against pedalboard", make_delay, lambda: make_pedalboard("Delay"), 1.0),
    (
        "delay, constant, filters in the loop, against pedalboard",
        lambda: make_delay(lowpass=0.3, highpass=0.99),
        lambda: make_pedalboard("Delay"),
        1.0,
    ),
    (
        "moving read, cubic, against pedalboard's Chorus",
        lambda: make_chorus_read("cubic"),
        lambda: make_pedalboard("Chorus"),
        1.0,
    ),
    (
        "moving read, lagrange, against pedalboard's Chorus",
        lambda: make_chorus_read("lagrange"),
        lambda: make_pedalboard("Chorus"),
        1.0,
    ),
    (
        "modulated feedback delay, cubic: forward + backward against forward",
        lambda: make_modulated(True, interpolation="cubic"),
        lambda: make_modulated(False, interpolation="cubic"),
        0.25,
    ),
    (
        "modulated feedback delay, lagrange: forward + backward against forward",
        lambda: make_modulated(True),
        lambda: make_modulated(False),
        0.25,
    ),
]
