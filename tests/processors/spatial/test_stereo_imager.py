"""The imager: each band's width by itself."""

import pytest
import torch

from diffFx_pytorch.processors import StereoImager

RATE = 44100
WIDTHS = {
    "band_1.width": 0.0,
    "band_2.width": 1.0,
    "band_3.width": 2.0,
    "crossover_1_hz": 300.0,
    "crossover_2_hz": 3000.0,
}


def test_each_band_has_its_width():
    fx = StereoImager(RATE)
    t = torch.arange(RATE, dtype=torch.float64) / RATE
    for hertz, width in ((50.0, 0.0), (1000.0, 1.0), (12000.0, 2.0)):
        tone = torch.sin(2 * torch.pi * hertz * t)
        x = torch.stack([tone, -tone])[None]  # all side
        y = fx(x, dsp_params=WIDTHS)[..., RATE // 2 :]
        assert float((y[:, 0] - y[:, 1]).std() / 2 / tone.std()) == pytest.approx(width, abs=0.04)


def test_the_mono_sum_is_flat_at_every_width():
    impulse = torch.zeros(1, 2, 2**16, dtype=torch.float64)
    impulse[..., 0] = 0.5
    mono = StereoImager(RATE)(impulse, dsp_params=WIDTHS).sum(1)[0]
    assert (20 * torch.log10(torch.fft.rfft(mono).abs())).abs().max() < 0.05


def test_mono_is_refused_with_the_cure():
    with pytest.raises(ValueError, match=r"StereoImager: x must have 2 channels, got 1; make mono stereo"):
        StereoImager(RATE)(torch.zeros(1, 1, 8))
