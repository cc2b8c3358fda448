import math

import pytest
import torch

from diffFx_pytorch.processors.utility import Dither

STEP = 2.0**-7


def _error(x, amount=1.0, **construction):
    return Dither(bits=8, **construction)(x, dsp_params={"amount": amount}) - x


def test_output_is_on_the_grid():
    y = Dither(bits=8)(torch.rand(1, 2, 5000, dtype=torch.float64) - 0.5) / STEP
    assert torch.equal(y, y.round())


def test_noise_is_triangular_and_two_steps_wide():
    noise = _error(torch.zeros(1, 1, 200_000, dtype=torch.float64), quantize=False) / STEP
    assert noise.abs().max() < 1
    assert noise.mean().abs() < 0.01
    assert noise.var() == pytest.approx(1 / 6, rel=0.02)
    quarters = [float(((noise > a) & (noise <= a + 0.5)).double().mean()) for a in (-1.0, -0.5, 0.0, 0.5)]
    assert quarters == pytest.approx([1 / 8, 3 / 8, 3 / 8, 1 / 8], abs=0.01)


@pytest.mark.parametrize("level", [0.0, 0.1, 0.25, 0.5, 0.77])
def test_mean_and_power_of_the_error_do_not_depend_on_the_signal(level):
    error = _error(torch.full((1, 1, 200_000), level * STEP, dtype=torch.float64)) / STEP
    assert error.mean().abs() < 0.01
    assert error.square().mean() == pytest.approx(1 / 4, rel=0.02)


def test_a_tone_below_one_step_survives_and_is_lost_without_dither():
    n = torch.arange(1 << 16, dtype=torch.float64)
    tone = 0.4 * STEP * torch.sin(2 * math.pi * 1000 / (1 << 16) * n)[None, None]
    y = tone + _error(tone)
    assert (y * tone).sum() / tone.square().sum() == pytest.approx(1.0, abs=0.05)
    assert (tone + _error(tone, amount=0.0)).abs().max() == 0


def test_dither_takes_away_distortion():
    n = torch.arange(1 << 16, dtype=torch.float64)
    tone = 1.3 * STEP * torch.sin(2 * math.pi * 500 / (1 << 16) * n)[None, None]

    def third_harmonic(amount):
        y = tone + _error(tone, amount)
        return 20 * torch.fft.rfft(y[0, 0]).abs()[1500].div((1 << 15) * 1.3 * STEP).log10()

    assert third_harmonic(0.0) > -20
    assert third_harmonic(1.0) < -50


def test_channels_have_noise_of_their_own():
    noise = _error(torch.zeros(1, 8, 100_000, dtype=torch.float64), quantize=False)[0]
    off = torch.corrcoef(noise) - torch.eye(8, dtype=torch.float64)
    assert off.abs().max() < 0.02


def test_seed_decides_and_nothing_else():
    x = torch.zeros(1, 1, 1000)
    assert torch.equal(_error(x, seed=3), _error(x, seed=3))
    assert not torch.equal(_error(x, seed=3), _error(x, seed=4))


def test_gradient_is_that_of_the_mean():
    x = torch.randn(1, 1, 50, dtype=torch.float64, requires_grad=True)
    amount = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    y = Dither(bits=8)(x, dsp_params={"amount": amount})
    to_x, to_amount = torch.autograd.grad(y.sum(), (x, amount))
    noise = _error(torch.zeros_like(x), quantize=False)
    assert torch.equal(to_x, torch.ones_like(x))
    assert to_amount == pytest.approx(float(noise.sum()))
