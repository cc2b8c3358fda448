"""Convolutions with fixed taps and the half-bands made of them: numpy's sums, and all that holds for an operator."""

import numpy as np
import pytest
import torch

from diffFx_pytorch.dsp.fir import fir, fixed_fir, half_band_double, half_band_halve
from tests.kernels.operator_contract import check_operator

TAPS = {K: tuple(np.random.default_rng(K).standard_normal(K).tolist()) for K in (1, 5, 16, 17, 40)}
LENGTHS = [1, 7, 16, 64, 65, 200, 511, 512, 513, 1100]


def noise(*shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3), dtype=dtype)


@pytest.mark.parametrize("K", TAPS)
@pytest.mark.parametrize("samples", LENGTHS)
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 2e-5), (torch.float64, 1e-12)])
def test_a_convolution_is_numpys(K, samples, dtype, error):
    padded = noise(2, samples + K - 1, dtype=dtype)
    expected = np.stack([np.convolve(row, TAPS[K], "valid") for row in padded.double().numpy()])
    assert np.allclose(fir(padded, TAPS[K]), expected, atol=error)


@pytest.mark.parametrize("m", [1, 3, 8, 32])
@pytest.mark.parametrize("samples", LENGTHS)
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 5e-5), (torch.float64, 1e-12)])
def test_half_bands_are_their_sums(m, samples, dtype, error):
    taps = noise(2 * m, dtype=dtype)
    h = taps.double().numpy()
    padded = noise(2, samples + 2 * m - 1, dtype=dtype)
    y = half_band_double(padded, taps).numpy()
    assert (y[:, ::2] == padded.numpy()[:, m - 1 : m - 1 + samples]).all()
    for row, x in zip(y, padded.double().numpy(), strict=True):
        assert np.allclose(row[1::2], 2 * np.convolve(x, h, "valid"), atol=error)
    for more in (0, 1):
        padded = noise(2, 2 * samples + 4 * m - 3 + more, dtype=dtype)
        y = half_band_halve(padded, taps).numpy()
        assert y.shape == (2, samples)
        for row, x in zip(y, padded.double().numpy(), strict=True):
            expected = np.convolve(x[::2][: samples + 2 * m - 1], h, "valid") + x[2 * m - 1 :: 2][:samples] / 2
            assert np.allclose(row, expected, atol=error)


@pytest.mark.parametrize(
    ("operator", "samples", "K"),
    [(fixed_fir, 7, 3), (half_band_double, 6, 4), (half_band_halve, 9, 4), (half_band_halve, 10, 4)],
    ids=["fir", "double", "halve", "halve, one more"],
)
def test_derivatives_and_transforms(operator, samples, K):
    check_operator(operator, noise(2, samples), noise(K))


def test_no_length_is_in_what_is_exported():
    class Model(torch.nn.Module):
        def forward(self, x):
            return fir(x, TAPS[17])

    shapes = {"x": {1: torch.export.Dim("T", min=18)}}
    program = torch.export.export(Model(), (torch.randn(2, 100),), dynamic_shapes=shapes).module()
    for samples in (18, 64, 1000):
        x = torch.randn(2, samples)
        assert torch.allclose(program(x), fir(x, TAPS[17]), atol=1e-5)
