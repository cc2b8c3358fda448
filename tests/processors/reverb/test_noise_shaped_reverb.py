"""Reverb of noise in bands: every band decays in its time, and the noise is the same everywhere."""

import copy

import pytest
import torch

from diffFx_pytorch.dsp.room_analysis import octave_bands, reverberation_time
from diffFx_pytorch.processors import NoiseShapedReverb
from diffFx_pytorch.processors.reverb.noise_shaped_reverb import band_centres

WET = {"mix": 1.0}


def responses(fx, seconds, **knobs):
    """The response of each side, (2, T)."""
    x = torch.zeros(1, 2, int(seconds * fx.sample_rate), dtype=torch.float64)
    x[..., 0] = 1.0
    with torch.no_grad():
        return fx(x, dsp_params={**WET, **knobs})[0]


def ensemble(seeds, decays, rate=44100):
    """Square root of the mean energy over draws: what one draw only has on average."""
    knobs = {f"band_{b}_decay_s": d for b, d in enumerate(decays, 1)}
    bands = band_centres(len(decays), rate)
    energy = 0.0
    for seed in range(seeds):
        fx = NoiseShapedReverb(rate, num_bands=len(decays), seed=seed)
        energy = energy + octave_bands(responses(fx, 2.0, **knobs), rate, bands).square().mean(0)
    return energy.sqrt()


def test_every_band_decays_in_its_time():
    decays = [1.8, 1.5, 1.3, 1.1, 0.9, 0.7, 0.6, 0.5, 0.4]
    h = ensemble(12, [1.8, *decays])[1:]
    measured = reverberation_time(h, 44100, fit_db=(-5.0, -25.0))
    assert measured.tolist() == pytest.approx(decays, rel=0.05)


def test_wide_bands_decay_in_their_time_whatever_the_draw():
    fx = NoiseShapedReverb(48000, num_bands=10)
    for decay in (0.3, 1.0, 2.0):
        h = responses(fx, 2.0, **{f"band_{b}_decay_s": decay for b in range(1, 11)})
        measured = reverberation_time(h, 48000, [2000.0, 4000.0, 8000.0], (-5.0, -25.0))
        assert (measured / decay - 1).abs().max() < 0.05


def test_a_band_is_raised_by_its_gain():
    fx = NoiseShapedReverb(44100, num_bands=10)
    flat = {f"band_{b}_decay_s": 1.0 for b in range(1, 11)}
    h = [responses(fx, 1.0, **flat, band_6_gain_db=g) for g in (-12.0, 12.0)]
    power = [torch.fft.rfft(v).abs().square().sum(0) for v in h]
    below, inside, above = (
        10 * float((power[1][a:b].sum() / power[0][a:b].sum()).log10())
        for a, b in ((200, 600), (850, 1200), (1600, 9000))
    )
    assert inside - below == pytest.approx(24.0, abs=0.3)
    assert inside - above == pytest.approx(24.0, abs=0.3)


def test_the_noise_is_drawn_once():
    fx = NoiseShapedReverb(44100)
    first = responses(fx, 0.2)
    assert torch.equal(first, responses(fx, 0.2))
    assert torch.equal(first, responses(copy.deepcopy(fx), 0.2))
    torch.manual_seed(123)
    assert torch.equal(first, responses(NoiseShapedReverb(44100), 0.2))
    assert not torch.allclose(first, responses(NoiseShapedReverb(44100, seed=1), 0.2), atol=1e-3)


def test_the_noise_is_the_same_at_every_rate():
    # Twice the rate has every second sample at the same time: without what lies above, they agree.
    low, high = (NoiseShapedReverb(rate, num_bands=10) for rate in (44100, 88200))
    knobs = {f"band_{b}_decay_s": 0.5 for b in range(1, 11)} | {"band_10_gain_db": -36.0}
    few, many = responses(low, 1.0, **knobs), responses(high, 1.0, **knobs)
    spectra = [torch.fft.rfft(h)[..., 100:8000] for h in (few, many)]
    assert (spectra[0] - spectra[1]).norm() < 0.02 * spectra[0].norm()


def test_pink_noise_keeps_its_level():
    fx = NoiseShapedReverb(44100, num_bands=10)
    x = torch.randn(1, 2, 8 * 44100)
    pink = torch.fft.irfft(torch.fft.rfft(x) / torch.arange(1, x.shape[-1] // 2 + 2).sqrt())
    pink = pink / pink.std()
    for knobs in (
        {},
        {f"band_{b}_gain_db": 12.0 for b in range(1, 11)},
        {f"band_{b}_decay_s": 0.2 for b in range(1, 11)},
    ):
        with torch.no_grad():
            y = fx(pink, dsp_params={**WET, **knobs})
        assert 0.7 < float(y[..., 2 * 44100 :].std()) < 1.4


def test_the_sides_are_decorrelated_and_width_joins_them():
    h = responses(NoiseShapedReverb(44100), 1.0)
    assert abs(float(torch.corrcoef(h)[0, 1])) < 0.05
    left, right = responses(NoiseShapedReverb(44100), 1.0, width=0.0)
    assert torch.allclose(left, right)


def test_learns_a_decay():
    fx = NoiseShapedReverb(8000, num_bands=4, ir_seconds=0.5)
    x = torch.randn(1, 2, 4000)
    with torch.no_grad():
        target = fx(x, dsp_params={**WET, **{f"band_{b}_decay_s": 0.4 for b in range(1, 5)}})
    decays = torch.full((4,), 0.15, requires_grad=True)
    optimizer = torch.optim.Adam([decays], 0.02)
    for _ in range(60):
        knobs = {f"band_{b}_decay_s": d for b, d in enumerate(decays.clamp(0.1, 0.5), 1)}
        loss = (fx(x, dsp_params={**WET, **knobs}) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert decays.tolist() == pytest.approx([0.4] * 4, abs=0.04)


def test_one_band():
    fx = NoiseShapedReverb(44100, num_bands=1)
    assert fx.param_names == ["band_1_gain_db", "band_1_decay_s", "predelay_ms", "width", "mix"]
    measured = reverberation_time(responses(fx, 2.0, band_1_decay_s=1.0), 44100, fit_db=(-5.0, -25.0))
    assert measured.tolist() == pytest.approx([1.0, 1.0], rel=0.03)
