"""Linear-phase equaliser as an engineer measures it."""

import numpy as np
import pytest
import torch

from diffFx_pytorch.processors import LinearPhaseEqualizer, ParametricEqualizer

RATE = 44100
SETTINGS = {
    "low_shelf_gain_db": 4.0,
    "peak_1_freq_hz": 700.0,
    "peak_1_gain_db": -9.0,
    "peak_1_q": 2.0,
    "peak_3_gain_db": 6.0,
    "high_shelf_gain_db": -5.0,
}


def response(fx, size=1 << 15):
    x = torch.zeros(1, 1, size, dtype=torch.float64)
    x[..., 0] = 1
    return np.fft.rfft(fx(x, dsp_params=SETTINGS)[0, 0].numpy())


def test_its_magnitude_is_that_of_the_parametric_equaliser():
    given, made = (np.abs(response(fx(RATE))) for fx in (ParametricEqualizer, LinearPhaseEqualizer))
    heard = slice(int(40 / RATE * (1 << 15)), int(20000 / RATE * (1 << 15)))
    assert np.abs(20 * np.log10(made / given))[heard].max() < 0.1


def test_every_frequency_comes_as_late_as_is_declared():
    fx = LinearPhaseEqualizer(RATE)
    assert fx.latency_samples == 2047
    h = response(fx)
    in_step = h * np.exp(2j * np.pi * np.arange(len(h)) * 2047 / (1 << 15))
    assert np.abs(in_step.imag).max() < 1e-9
    assert in_step.real.min() > 0


@pytest.mark.parametrize("taps", [2, 4096])
def test_an_even_number_of_taps_is_refused(taps):
    with pytest.raises(ValueError, match="num_taps"):
        LinearPhaseEqualizer(RATE, num_taps=taps)


def test_mid_and_side_are_set_apart():
    fx = LinearPhaseEqualizer(RATE, num_peaks=0, num_taps=1023, layout="mid_side")
    x = torch.randn(1, 2, 8000, dtype=torch.float64)
    y = fx(x, side_high_shelf_gain_db=-24.0, side_low_shelf_gain_db=-24.0)
    mid, late = y.mean(1), x.mean(1)
    assert torch.allclose(mid[..., 511:], late[..., :-511], rtol=0, atol=1e-9)
    assert (y[:, 0] - y[:, 1]).std() < 0.6 * (x[:, 0] - x[:, 1]).std()
