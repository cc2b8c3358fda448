"""BitCrusher: levels, noise, hold, and gradients that point the right way."""

import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.processors import BitCrusher

RATE = 44100


@pytest.mark.parametrize("bits", range(1, 11))
def test_b_bits_are_2_to_the_b_levels(bits):
    x = torch.linspace(-1, 1, 9001)[None, None]
    for graph in (False, True):
        y = BitCrusher(RATE)(x.clone().requires_grad_(graph), dsp_params={"bits": float(bits)}).detach()
        levels = y.unique()
        assert len(levels) == 2**bits
        assert levels[0] == -1
        assert torch.equal(levels.diff(), torch.full((2**bits - 1,), 2.0 ** (1 - bits)))
        assert 0.0 in levels


@pytest.mark.parametrize("bits", [4.0, 8.0, 8.5, 12.0, 16.0])
def test_noise_is_that_of_b_bits(bits):
    x = 0.9 * (2 * torch.rand(1, 2, 100_000, dtype=torch.float64) - 1)
    error = BitCrusher(RATE)(x, dsp_params={"bits": bits}) - x
    assert 10 * math.log10(float(error.square().mean())) == pytest.approx(
        10 * math.log10(4.0 ** (1 - bits) / 12), abs=0.5
    )


def test_equals_pedalboard():
    pedalboard = pytest.importorskip("pedalboard")
    x = (torch.rand(1, 2, 4000) * 2 - 1) * 0.98
    for bits in (6, 8, 12):
        # Its steps are 2^-b, and it does not clip: 2^(b + 1) + 1 levels.
        expected = pedalboard.Bitcrush(bit_depth=bits - 1)(x[0].numpy(), RATE)
        y = BitCrusher(RATE)(x, dsp_params={"bits": float(bits)})[0].numpy()
        assert np.abs(y - expected).max() < 1e-6


def test_quiet_signals_keep_their_level(sine, spectrum):
    x = sine(100, 0.1)
    y = BitCrusher(RATE)(x, dsp_params={"bits": 12.0, "drive_db": 0.0})
    assert 20 * math.log10(spectrum(y)[100] / spectrum(x)[100]) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(
    ("hold", "ticks"), [(1.0, range(20)), (4.0, range(0, 20, 4)), (2.5, (0, 3, 5, 8, 10, 13, 15, 18))]
)
def test_a_sample_is_held_from_tick_to_tick(hold, ticks):
    x = torch.arange(20, dtype=torch.float64)[None, None] / 32
    y = BitCrusher(RATE)(x, dsp_params={"hold": hold, "bits": 16.0})
    expected = [max(t for t in ticks if t <= n) / 32 for n in range(20)]
    assert y[0, 0].tolist() == expected


def test_the_clock_keeps_time_for_a_minute():
    n = torch.arange(60 * RATE)
    x = (n % 3 == 0).double()[None, None] / 2
    y = BitCrusher(RATE)(x, dsp_params={"hold": 3.0, "bits": 16.0})
    assert (y == 0.5).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_of_bits_and_hold_point_to_less_error(dtype):
    x = torch.cumsum(torch.randn(1, 1, 20000, generator=torch.Generator().manual_seed(1)), -1).to(dtype)
    x = 0.8 * x / x.abs().max()
    fx = BitCrusher(RATE)
    cases = (("bits", 3.5, 4.0, 4.5), ("bits", 7.0, 7.5, 8.0), ("hold", 2.5, 3.0, 3.5), ("hold", 8.0, 9.5, 11.0))
    for name, low, value, high in cases:
        others = {"bits": 16.0, "hold": 1.0}
        knob = torch.tensor([value], dtype=dtype, requires_grad=True)
        loss = (fx(x, dsp_params={**others, name: knob}) - x).square().mean()
        (gradient,) = torch.autograd.grad(loss, knob)
        assert gradient.item() * (-1 if name == "bits" else 1) > 0
        ends = [(fx(x, dsp_params={**others, name: v}) - x).square().mean().item() for v in (low, high)]
        assert 0.5 < gradient.item() * (high - low) / (ends[1] - ends[0]) < 2


def test_gradients_reach_the_input():
    x = (0.9 * torch.sin(torch.arange(400.0) * 0.01))[None, None].requires_grad_()
    y = BitCrusher(RATE)(x, dsp_params={"bits": 3.0})
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient[x <= 0.75], torch.ones_like(gradient[x <= 0.75]))
    assert (gradient[x > 0.75] == 0).all()  # clipped
    y = BitCrusher(RATE)(x, dsp_params={"bits": 16.0, "hold": 4.0, "drive_db": -12.0})
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.allclose(gradient[0, 0, ::4], torch.tensor(4 * 10 ** (-12 / 20)), atol=1e-4)
    assert (gradient[0, 0].reshape(-1, 4)[:, 1:].abs() < 1e-4).all()
