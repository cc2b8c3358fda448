"""No setting inside a range gives NaN, at any rate, and one sound is as loud at each."""

import math

import numpy as np
import pytest
import torch


def test_ends_are_finite_at_every_rate(case, make_noise):
    for sample_rate in (8000, 11025, 22050, 44100, 96000, 192000):
        fx = case(sample_rate=sample_rate)
        count = len(fx.params)
        flat = torch.cat([torch.eye(count), 1 - torch.eye(count), torch.zeros(1, count), torch.ones(1, count)])
        x = make_noise(1, case.channels(), 500, torch.float32).expand(len(flat), -1, -1)
        assert torch.isfinite(fx(x, norm_params=flat)).all(), sample_rate


def test_frequencies_stay_below_nyquist(first):
    for sample_rate in (8000, 192000):
        for name, param in first(sample_rate=sample_rate).params.items():
            if param.unit == "Hz":
                assert param.max_val <= 0.49 * sample_rate, name


RATES = (8000, 16000, 22050, 44100, 48000, 96000, 192000)


@pytest.mark.sampled(2)
def test_one_sound_has_one_level_at_every_rate(case):
    """Noise of 100 Hz .. 2 kHz, wet alone: within 0.3 dB from 16 kHz up; at 8 kHz within 1 dB, for there half of what a
    filter, a reflection or an interpolation makes of it lies next to Nyquist.
    """
    case.exempt("level")
    level = {}
    for rate in RATES:
        fx = case(sample_rate=rate)
        x = _noise(rate, case.channels())
        wet = {name: 1.0 for name in ("mix",) if name in fx.params}
        y = fx(torch.nn.functional.pad(x, (0, rate // 2)), dsp_params=wet)
        level[rate] = 10 * math.log10(float(y.double().square().sum()) / rate)
    high = [level[rate] for rate in RATES[1:]]
    assert max(high) - min(high) < 0.3, level
    assert max(level.values()) - min(level.values()) < 1.0, level


def _noise(rate, channels, seconds=1.5):
    """One sound at every rate, (1, C, T): what is drawn is its spectrum."""
    bins = np.arange(int(100 * seconds), int(2000 * seconds))
    drawn = np.random.default_rng(0).standard_normal((2, channels, len(bins)))
    spectrum = np.zeros((channels, int(rate * seconds) // 2 + 1), complex)
    spectrum[:, bins] = (drawn[0] + 1j * drawn[1]) * (0.125 * rate * seconds / 2 / math.sqrt(len(bins)))
    fade = np.sin(np.pi * np.arange(int(rate * seconds)) / (rate * seconds)) ** 0.5
    return torch.from_numpy(np.fft.irfft(spectrum, int(rate * seconds)) * fade)[None].float()
