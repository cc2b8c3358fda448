"""Half-band filters: elliptic ones against Jacobi's functions, both against what a half-band is."""

import numpy as np
import pytest
import torch
from scipy.special import ellipj, ellipk

from diffFx_pytorch.dsp.half_band import half_band_allpasses, half_band_taps, linear_down, linear_up


def test_allpasses_are_those_of_the_elliptic_function():
    for count, band in ((7, 0.0465), (4, 0.2268), (3, 0.363), (2, 0.1)):
        k = np.tan(np.pi / 4 * (1 - 2 * band)) ** 2
        w = k * ellipj(2 * ellipk(k * k) * np.arange(1, count + 1) / (2 * count + 1), k * k)[0] ** 2
        x = np.sqrt((1 - w * k) * (1 - w / k)) / (1 + w)
        assert np.allclose(half_band_allpasses(count, band), np.sort((1 - x) / (1 + x)), rtol=1e-9)


def test_the_ripple_of_the_stop_band_is_even():
    z = np.exp(-2j * np.pi * np.linspace(0.25 + 0.0465 / 2, 0.5, 100001))
    coefficients = half_band_allpasses(7, 0.0465)
    branches = [np.prod([(c + z**2) / (1 + c * z**2) for c in coefficients[i::2]], 0) for i in (0, 1)]
    level = 20 * np.log10(np.abs(branches[0] + z * branches[1]) / 2 + 1e-12)
    peaks = level[1:-1][(level[1:-1] > level[:-2]) & (level[1:-1] > level[2:])]
    assert len(peaks) == 7
    assert np.ptp(peaks) < 0.01
    assert level.max() < -90


@pytest.mark.parametrize("m", [2, 8, 32])
def test_up_and_down_are_the_convolution_written_out(m):
    taps = half_band_taps(m, 90.0)
    h = np.zeros(4 * m + 1)
    h[1::2], h[2 * m] = taps, 0.5
    assert h.sum() == pytest.approx(1.0)
    x = torch.randn(2, 3, 77, dtype=torch.float64)
    stuffed = np.zeros((2, 3, 154))
    stuffed[..., ::2] = 2 * x.numpy()
    expected = np.apply_along_axis(lambda v: np.convolve(v, h)[:154], -1, stuffed)
    y, _ = linear_up(x, taps, None)
    assert np.allclose(y.numpy(), expected, atol=1e-14)
    v = torch.randn(2, 3, 154, dtype=torch.float64)
    expected = np.apply_along_axis(lambda v: np.convolve(v, h)[:154:2], -1, v.numpy())
    y, _ = linear_down(v, taps, None)
    assert np.allclose(y.numpy(), expected, atol=1e-14)
