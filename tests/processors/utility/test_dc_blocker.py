import math

import numpy as np
import pytest
import torch
from scipy import signal

from diffFx_pytorch.processors.utility import DCBlocker


def _response(freq_hz, at_hz, rate=44100):
    x = torch.zeros(1, 1, 4 * rate, dtype=torch.float64)
    x[..., 0] = 1
    y = DCBlocker(rate)(x, dsp_params={"freq_hz": freq_hz})[0, 0]
    n = torch.arange(4 * rate, dtype=torch.float64)
    return 20 * (y * torch.exp(-2j * math.pi * at_hz / rate * n)).sum().abs().log10()


@pytest.mark.parametrize("freq_hz", [5.0, 10.0, 50.0])
def test_is_3_db_down_at_its_frequency_and_leaves_the_rest(freq_hz):
    assert _response(freq_hz, freq_hz) == pytest.approx(-3.0103, abs=1e-3)
    assert _response(freq_hz, 1000.0) == pytest.approx(0.0, abs=0.02)
    assert _response(freq_hz, 22050.0) == pytest.approx(0.0, abs=1e-6)


def test_dc_dies():
    x = torch.full((1, 1, 44100 * 2), 0.5)
    y = DCBlocker()(x, dsp_params={"freq_hz": 10.0})[0, 0]
    assert y[-1].abs() < 1e-6
    seconds = DCBlocker().tail_seconds(dsp_params={"freq_hz": 10.0})
    assert y[int(seconds * 44100)].abs() == pytest.approx(0.5e-3, rel=0.01)


@pytest.mark.parametrize("rate", [8000, 192000])
def test_is_scipy_in_float32(rate):
    x = np.random.default_rng(0).standard_normal(rate)
    b, a = signal.butter(1, 1.0, "highpass", fs=rate)
    y = DCBlocker(rate)(torch.from_numpy(x)[None, None].float(), dsp_params={"freq_hz": 1.0})[0, 0].numpy()
    expected = signal.lfilter(b, a, x.astype(np.float32).astype(float))
    assert np.linalg.norm(y - expected) < 1e-6 * np.linalg.norm(expected)
