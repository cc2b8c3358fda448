"""The graphic equaliser as an engineer measures it."""

import math
import warnings

import numpy as np
import pytest
import torch
from scipy import signal

from diffFx_pytorch.processors import GraphicEqualizer, Peak
from diffFx_pytorch.processors.eq.graphic_equalizer import OCTAVE, THIRD_OCTAVE

RATE = 44100
NAMED = {"octave": OCTAVE, "third_octave": THIRD_OCTAVE}


def levels(fx, sliders, freqs_hz):
    """dB at each frequency for each row of sliders (N, K), from the sections that run."""
    knobs = {name: sliders[:, k, None, None] for k, name in enumerate(fx.params)}
    sections = fx.sections(**knobs)[:, 0, 0].numpy()
    return np.array([20 * np.log10(np.abs(signal.sosfreqz(s, freqs_hz, fs=fx.sample_rate)[1])) for s in sections])


def settings(bands):
    """Sliders at random, at one end or the other, alternating, each alone."""
    generator = torch.Generator().manual_seed(0)
    anywhere = 24 * torch.rand(30, bands, generator=generator, dtype=torch.float64) - 12
    ends = 12 * torch.sign(torch.randn(30, bands, generator=generator, dtype=torch.float64))
    zigzag = 12 * (-1.0) ** torch.arange(bands, dtype=torch.float64)[None]
    return torch.cat([anywhere, ends, zigzag, -zigzag, 12 * torch.eye(bands, dtype=torch.float64)])


@pytest.mark.parametrize("design", ["matched", "bilinear"])
@pytest.mark.parametrize("rate", [8000, 44100, 192000])
@pytest.mark.parametrize("bands", ["octave", "third_octave", [100.0, 120.0, 400.0, 3500.0]])
def test_every_centre_has_its_sliders_level_whatever_the_others_do(bands, rate, design):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fx = GraphicEqualizer(rate, bands=bands, design=design)
    sliders = settings(len(fx.params))
    assert np.abs(levels(fx, sliders, fx.centres_hz) - sliders.numpy()).max() < 0.1


@pytest.mark.parametrize("gain", [6.0, -6.0])
@pytest.mark.parametrize("bands", ["octave", "third_octave"])
def test_all_sliders_at_six_decibels_are_flat(bands, gain):
    for rate in (RATE, 96000):
        fx = GraphicEqualizer(rate, bands=bands)
        between = np.geomspace(fx.centres_hz[0], fx.centres_hz[-1], 2000)
        sliders = torch.full((1, len(fx.params)), gain, dtype=torch.float64)
        assert np.abs(levels(fx, sliders, between) - gain).max() < 0.5


def test_what_is_heard_is_what_the_sliders_say():
    """From the impulse response: one slider at +12 dB leaves its neighbours alone."""
    fx = GraphicEqualizer(RATE, bands="third_octave")
    impulse = torch.zeros(1, 1, 2**16, dtype=torch.float64)
    impulse[..., 0] = 1
    y = fx(impulse, dsp_params={"band_18_gain_db": 12.0})[0, 0].numpy()
    gain = 20 * np.log10(np.abs(signal.freqz(y, worN=np.array(THIRD_OCTAVE), fs=RATE)[1]))
    assert gain[17] == pytest.approx(12, abs=0.1)
    assert np.abs(np.delete(gain, 17)).max() < 0.1


@pytest.mark.parametrize("bands", NAMED)
def test_bands_over_nyquist_are_left_out_with_a_warning(bands):
    for rate in (8000, 16000, 22050):
        with pytest.warns(UserWarning, match="GraphicEqualizer: bands at .* Hz are left out"):
            fx = GraphicEqualizer(rate, bands=bands)
        assert fx.centres_hz == tuple(c for c in NAMED[bands] if c <= 0.49 * rate)
        assert len(fx.params) == len(fx.centres_hz)
        x = torch.randn(1, 1, 500)
        assert torch.isfinite(fx(x, norm_params=torch.ones(1, len(fx.params)))).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GraphicEqualizer(RATE, bands=bands)


def test_a_centre_of_ones_own_over_nyquist_is_an_error():
    with pytest.raises(ValueError, match=r"GraphicEqualizer: a centre of 12000 Hz lies over 10804\.5 Hz"):
        GraphicEqualizer(22050, bands=[100.0, 1000.0, 12000.0])


def test_a_moving_slider_neither_clicks_nor_blows_up():
    fx = GraphicEqualizer(RATE, bands=[250.0, 500.0, 1000.0])
    samples = RATE // 2
    x = torch.sin(2 * math.pi * 500 / RATE * torch.arange(samples, dtype=torch.float64))[None, None]
    swung = torch.tensor([[-12.0, 12.0, -12.0, 12.0, -12.0]], dtype=torch.float64)
    y = fx(x, dsp_params={"band_2_gain_db": swung})
    assert y.abs().max() < 4.5
    assert y.diff().abs().max() < 4.5 * x.diff().abs().max()
    heard = y[0, 0, samples // 2 - 50 : samples // 2 + 50].abs().max()
    assert 20 * math.log10(heard) < -10


def test_float32_is_scipy_in_float64():
    for rate in (44100, 192000):
        fx = GraphicEqualizer(rate, bands="third_octave")
        x = torch.randn(4, 1, 10000)
        flat = torch.rand(4, len(fx.params))
        y = fx(x, norm_params=flat).double().numpy()
        sections = fx.sections(**fx.knobs(x, norm_params=flat))[:, 0, 0].numpy()
        for i in range(4):
            exact = signal.sosfilt(sections[i], x[i, 0].double().numpy())
            assert 10 * math.log10(np.square(y[i, 0] - exact).sum() / np.square(exact).sum()) < -120


def test_one_band_is_one_peak():
    fx = GraphicEqualizer(RATE, bands=[1000.0])
    sliders = torch.tensor([[7.0]], dtype=torch.float64)
    assert levels(fx, sliders, [20.0, 1000.0])[0] == pytest.approx([0, 7], abs=0.05)


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"bands": "half_octave"}, "bands must be 'octave', 'third_octave' or centre .*'half_octave'"),
        ({"bands": []}, "positive and rising"),
        ({"bands": [100.0, 100.0]}, "positive and rising"),
        ({"bands": [-1.0, 100.0]}, "positive and rising"),
        ({"q": 0.0}, "q must be a number in 0.1 .. 100, as many as bands, or None"),
        ({"q": [1.0, 2.0]}, "q must be a number or one for each of 10 bands"),
        ({"bands": [30000.0, 40000.0]}, "a centre of 40000 Hz lies over 21609 Hz"),
    ],
)
def test_construction_is_checked(options, pattern):
    with pytest.raises(ValueError, match=f"GraphicEqualizer: .*{pattern}"):
        GraphicEqualizer(RATE, **options)


def test_curve_goes_through_the_sliders():
    fx = GraphicEqualizer(RATE)
    curve = fx.curve(**fx.knobs(torch.zeros(1, 1, 1).double(), dsp_params={"band_6_gain_db": 9.0}))
    assert float(curve.y.max()) == pytest.approx(9.0, abs=0.3)
    assert float(curve.x[curve.y.argmax()]) == pytest.approx(1000, rel=0.03)


@pytest.mark.parametrize("q", [1.414, [0.7, 2.0, 4.318]])
def test_a_q_of_ones_own_makes_plain_peaks_in_series(q):
    bands, gains = [125.0, 500.0, 4000.0], [6.0, -9.0, 3.0]
    x = torch.randn(1, 1, 5000, dtype=torch.float64)
    y = GraphicEqualizer(RATE, bands=bands, q=q)(
        x, dsp_params={f"band_{i + 1}_gain_db": g for i, g in enumerate(gains)}
    )
    for i, gain in enumerate(gains):
        own = q if isinstance(q, float) else q[i]
        x = Peak(RATE)(x, freq_hz=bands[i], gain_db=gain, q=own)
    assert torch.allclose(y, x, rtol=0, atol=1e-10)
