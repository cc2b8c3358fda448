"""A convolution with fixed taps, as it is computed and as it is recorded."""

import numpy as np
import pytest
import torch

from diffFx_pytorch.dsp.fir import _recorded, fir

TAPS = {K: tuple(np.random.default_rng(K).standard_normal(K).tolist()) for K in (1, 5, 16, 17, 40)}


@pytest.mark.parametrize("K", TAPS)
@pytest.mark.parametrize("samples", [1, 16, 64, 200])
def test_both_are_numpys(K, samples):
    padded = torch.randn(2, samples + K - 1, dtype=torch.float64)
    expected = np.stack([np.convolve(row, TAPS[K], "valid") for row in padded.numpy()])
    for y in (fir(padded, TAPS[K]), _recorded(padded, torch.tensor(TAPS[K], dtype=torch.float64))):
        assert np.allclose(y, expected, atol=1e-12)


@pytest.mark.parametrize("K", [5, 17])
def test_the_operators_derivatives(K):
    padded, taps = torch.randn(2, 20 + K - 1, dtype=torch.float64), torch.tensor(TAPS[K], dtype=torch.float64)
    given = padded.requires_grad_(), taps.requires_grad_()
    assert torch.autograd.gradcheck(_recorded, given, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(_recorded, given)


def test_no_length_is_in_what_is_exported():
    class Model(torch.nn.Module):
        def forward(self, x):
            return fir(x, TAPS[17])

    shapes = {"x": {1: torch.export.Dim("T", min=18)}}
    program = torch.export.export(Model(), (torch.randn(2, 100),), dynamic_shapes=shapes).module()
    for samples in (18, 64, 1000):
        x = torch.randn(2, samples)
        assert torch.allclose(program(x), fir(x, TAPS[17]), atol=1e-5)
