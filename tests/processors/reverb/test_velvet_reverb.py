"""Reverb of velvet noise: few pulses, the decay asked for, and high frequencies that go first."""

import numpy as np
import pytest
import scipy.signal
import torch

from diffFx_pytorch.dsp.room_analysis import reverberation_time
from diffFx_pytorch.dsp.velvet_noise import velvet_noise
from diffFx_pytorch.processors import VelvetReverb

RATE = 44100
WET = {"mix": 1.0}


def responses(fx, seconds, **knobs):
    x = torch.zeros(1, 2, int(seconds * fx.sample_rate), dtype=torch.float64)
    x[..., 0] = 1.0
    with torch.no_grad():
        return fx(x, dsp_params={**WET, **knobs})[0]


def test_one_pulse_a_period():
    positions, signs = velvet_noise(1.0, RATE, 2000.0, np.random.default_rng(0))
    assert len(positions) == 2000
    assert (np.floor(positions / (RATE / 2000) + 1e-9 * positions) >= np.arange(2000) - 1).all()
    assert (np.abs(positions - np.arange(2000) * RATE / 2000 - RATE / 4000) <= RATE / 4000 + 1).all()
    assert set(signs) == {-1.0, 1.0}
    assert abs(signs.mean()) < 0.1


def test_pulses_stand_at_the_same_times_at_every_rate():
    draws = [velvet_noise(1.0, rate, 1000.0, np.random.default_rng(4)) for rate in (44100, 96000)]
    assert np.array_equal(draws[0][1], draws[1][1])
    assert np.abs(draws[0][0] / 44100 - draws[1][0] / 96000).max() < 1.1 / 44100


def test_velvet_noise_is_white():
    h = responses(VelvetReverb(RATE), 2.5, decay_s=2.5, decay_high_ratio=1.0)
    freq, power = scipy.signal.welch(h[0].numpy()[: RATE // 2], RATE, nperseg=1024)
    heard = (freq > 300) & (freq < 15000)
    octaves = [power[(freq >= f) & (freq < 2 * f)].mean() for f in (500, 1000, 2000, 4000, 8000)]
    assert 10 * np.log10(max(octaves) / min(octaves)) < 3.0
    assert power[heard].min() > 0


@pytest.mark.parametrize("rate", [44100, 96000])
@pytest.mark.parametrize("decay", [0.3, 1.0, 2.0])
def test_without_damping_all_decays_in_the_time_asked_for(decay, rate):
    h = responses(VelvetReverb(rate), 2.5, decay_s=decay, decay_high_ratio=1.0)
    assert reverberation_time(h, rate, fit_db=(-5.0, -35.0)).tolist() == pytest.approx([decay] * 2, rel=0.05)
    high = reverberation_time(h, rate, [4000.0, 8000.0], (-5.0, -25.0))
    assert (high / decay - 1).abs().max() < 0.05


@pytest.mark.parametrize("ratio", [0.3, 0.6])
def test_high_frequencies_decay_sooner(ratio):
    h = 0.0
    for seed in range(6):
        one = responses(VelvetReverb(RATE, seed=seed), 2.5, decay_s=1.5, decay_high_ratio=ratio)
        low, high = (
            scipy.signal.butter(4, band, "bandpass", fs=RATE, output="sos") for band in ((150, 400), (7700, 8300))
        )
        bands = [scipy.signal.sosfilt(sos, one.numpy()) for sos in (low, high)]
        h = h + np.square(np.stack(bands)).sum(1)
    low, high = reverberation_time(torch.from_numpy(np.sqrt(h)), RATE, fit_db=(-5.0, -25.0)).tolist()
    assert low == pytest.approx(1.5, rel=0.08)
    assert high == pytest.approx(1.5 * ratio, rel=0.08)


def test_noise_keeps_its_level():
    x = torch.randn(1, 2, 4 * RATE)
    for decay in (0.3, 1.0, 2.5):
        with torch.no_grad():
            y = VelvetReverb(RATE)(x, dsp_params={**WET, "decay_s": decay, "decay_high_ratio": 1.0})
        assert float(y[..., 3 * RATE :].std()) == pytest.approx(1.0, rel=0.08)


def test_few_pulses():
    fx = VelvetReverb(RATE, density=500.0, ir_seconds=1.0)
    h = responses(fx, 1.0, decay_high_ratio=1.0, decay_s=1.0)
    assert (h.abs() > 1e-6).sum(-1).tolist() == [500, 500]


def test_convolution_with_what_it_answers_to_an_impulse():
    fx = VelvetReverb(RATE)
    x = torch.randn(1, 2, RATE, dtype=torch.float64)
    h = responses(fx, 1.0, predelay_ms=33.3, lowpass_hz=5000.0)
    y = fx(x, dsp_params={**WET, "predelay_ms": 33.3, "lowpass_hz": 5000.0})
    expected = scipy.signal.fftconvolve(x.numpy(), h.numpy()[None], axes=-1)[..., :RATE]
    assert torch.allclose(y, torch.from_numpy(expected), rtol=0, atol=1e-10)


def test_the_sides_are_decorrelated():
    h = responses(VelvetReverb(RATE), 1.0)
    assert abs(float(torch.corrcoef(h)[0, 1])) < 0.05


def test_more_pulses_than_a_quarter_of_the_rate_are_refused():
    with pytest.raises(ValueError, match=r"^VelvetReverb: density must lie in 100 \.\. 11025"):
        VelvetReverb(RATE, density=20000.0)
