"""The mean under a Hann window: beside the sum as it stands, exact after any past, differentiable."""

import numpy as np
import pytest
import torch

from diffFx_pytorch.dsp.hann import hann_mean


def direct(padded, taps):
    window = np.sin(np.pi * np.arange(1, taps + 1) / (taps + 1)) ** 2
    return np.stack([np.convolve(row, window / window.sum(), "valid") for row in padded])


@pytest.mark.parametrize("taps", [1, 2, 3, 64, 222])
@pytest.mark.parametrize("samples", [1, 63, 64, 500])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-7), (torch.float64, 1e-15)])
def test_it_is_the_sum(taps, samples, dtype, error):
    padded = torch.rand(3, samples + taps - 1, generator=torch.Generator().manual_seed(taps), dtype=dtype)
    assert np.abs(hann_mean(padded, taps).numpy() - direct(padded.double().numpy(), taps)).max() < error


def test_nothing_is_left_of_what_was_loud():
    padded = torch.zeros(1, 300_000)
    padded[..., :1000] = 1e6
    y = hann_mean(padded, 100)
    assert (y[..., 1000:] == 0).all()
    constant = hann_mean(torch.full((1, 300_000), 0.7, dtype=torch.float64), 100)
    assert (constant - 0.7).abs().max() < 100 * 2**-53
    assert torch.equal(constant[..., :100], constant[..., 299_800:299_900])


def test_derivatives():
    padded = torch.randn(2, 25, dtype=torch.float64, requires_grad=True)
    mean = lambda p: hann_mean(p, 6)  # noqa: E731
    assert torch.autograd.gradcheck(mean, padded, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(mean, padded)
    assert torch.allclose(torch.func.vmap(mean)(padded), hann_mean(padded, 6), atol=1e-15)
