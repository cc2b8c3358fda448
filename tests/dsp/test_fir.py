"""Convolutions with fixed taps and the half-bands made of them: numpy's sums, and all that holds for an operator."""

import numpy as np
import pytest
import torch

from diffFx_pytorch.dsp.fir import doubled, fir, fixed_fir, half_band_double, half_band_halve, halved
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


@pytest.mark.parametrize(("before", "after"), [(0, 0), (7, 0), (15, -2), (3, 20), (-3, 1), (1600, 5)])
@pytest.mark.parametrize("samples", [20, 511, 1500])
@pytest.mark.parametrize(("skip", "drop"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_zeros_around_a_signal_need_not_be_written(before, after, samples, skip, drop):
    x, taps = noise(2, samples), noise(8)
    padded = torch.nn.functional.pad(x, (before, after))
    whole = half_band_double(padded, taps)
    part = doubled(x, taps, before, after, skip, drop, 0.7)
    assert torch.allclose(part, 0.7 * whole[:, skip : whole.shape[1] - drop], atol=1e-12)
    expected = half_band_halve(padded, taps)
    assert torch.allclose(half_band_halve(x, taps, before, after), expected, atol=1e-12)


SETTINGS = [
    (fixed_fir, 7, 3, ()),
    *((doubled, 6, 4, given) for given in [(0, 0, 0, 0, 1.0), (3, 0, 1, 0, 0.7), (2, -1, 0, 1, 2.0)]),
    *((halved, samples, 4, (0, 0, 1.0)) for samples in (9, 10)),
    *((halved, 10, 4, given) for given in [(7, -2, 1.0), (6, 2, 0.5), (-1, 3, 2.0)]),
]


@pytest.mark.parametrize(("operator", "samples", "K", "settings"), SETTINGS)
def test_derivatives_and_transforms(operator, samples, K, settings):
    check_operator(operator, noise(2, samples), noise(K), *settings)


def test_no_length_is_in_what_is_exported():
    class Model(torch.nn.Module):
        def forward(self, x):
            return fir(x, TAPS[17])

    shapes = {"x": {1: torch.export.Dim("T", min=18)}}
    program = torch.export.export(Model(), (torch.randn(2, 100),), dynamic_shapes=shapes).module()
    for samples in (18, 64, 1000):
        x = torch.randn(2, samples)
        assert torch.allclose(program(x), fir(x, TAPS[17]), atol=1e-5)
