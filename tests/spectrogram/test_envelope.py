"""The true envelope lies on the peaks of a spectrum, where plain smoothing lies between them and the valleys."""

import torch

from diffFx_pytorch.spectrogram.envelope import lifter_of, true_envelope

POINTS = 1024
BINS = torch.arange(POINTS // 2 + 1, dtype=torch.float64)


def lines(envelope, spacing=16):
    """A spectrum whose peaks stand every so many bins on an envelope, 3 nepers above its valleys."""
    return envelope - 1.5 + 1.5 * torch.cos(2 * torch.pi * BINS / spacing)


def test_it_lies_on_the_peaks():
    envelope = 2 * torch.cos(2 * torch.pi * 2 * BINS / POINTS)
    level = lines(envelope)
    found = true_envelope(level, lifter_of(40, POINTS))
    assert (found - envelope)[::16].abs().mean() < 0.5
    plain = true_envelope(level, lifter_of(40, POINTS), steps=1)
    assert (plain - envelope)[::16].abs().mean() > 1.2


def test_what_is_smooth_already_is_left():
    weights = lifter_of(40, POINTS)
    level = torch.full_like(BINS, 0.7)
    assert torch.allclose(true_envelope(level, weights), level, atol=1e-12)
