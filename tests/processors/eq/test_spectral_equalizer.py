"""The spectral equaliser as an engineer measures it."""

import numpy as np
import pytest
import torch

from diffFx_pytorch.processors import ParametricEqualizer, SpectralEqualizer

RATE = 44100
PHASES = ("zero", "minimum")


def response_db(fx, **knobs):
    """Frequencies and levels of the impulse response."""
    x = torch.zeros(1, 1, 2**14, dtype=torch.float64)
    x[..., 0] = 1
    h = fx(x, dsp_params=knobs)[0, 0].numpy()
    return np.fft.rfftfreq(2**14, 1 / RATE), 20 * np.log10(np.abs(np.fft.rfft(h)) + 1e-12), h


def wave(fx, reach=12.0):
    """A slow curve through all points."""
    return {name: reach * np.sin(2 * np.pi * i / len(fx.params)) for i, name in enumerate(fx.params)}


@pytest.mark.parametrize("phase", PHASES)
def test_the_response_is_the_curve(phase):
    fx = SpectralEqualizer(RATE, phase=phase)
    knobs = wave(fx)
    freqs, level, _ = response_db(fx, **knobs)
    wanted = np.interp(np.log(np.maximum(freqs, 1e-9)), np.log(fx.freqs_hz), list(knobs.values()))
    resolved = freqs > 200
    assert np.abs(level - wanted)[resolved].max() < 1.0
    assert np.sqrt(np.square(level - wanted)[resolved].mean()) < 0.3


@pytest.mark.parametrize("phase", PHASES)
def test_a_tone_passes_and_a_tone_dies(phase):
    fx = SpectralEqualizer(RATE, points=[200.0, 1000.0, 2000.0, 4000.0], phase=phase)
    knobs = {"point_3_gain_db": -12.0, "point_4_gain_db": -24.0}
    n = torch.arange(RATE, dtype=torch.float64)
    for hertz, gain in ((300.0, 0.0), (8000.0, -24.0), (15000.0, -24.0), (1000 * 2**0.5, -6.0)):
        x = torch.sin(2 * torch.pi * hertz * n / RATE)[None, None]
        y = fx(x, dsp_params=knobs)[..., 5000:]
        assert float(20 * torch.log10(y.std() / x.std())) == pytest.approx(gain, abs=0.5)


def test_zero_phase_rings_before_as_after_and_minimum_phase_only_after():
    for phase in PHASES:
        fx = SpectralEqualizer(RATE, phase=phase)
        _, _, h = response_db(fx, **wave(fx))
        middle = fx.latency_samples
        assert middle == (511 if phase == "zero" else 0)
        assert np.abs(h).argmax() == middle
        if phase == "zero":
            assert np.abs(h[:1023] - h[1022::-1]).max() < 1e-12


def test_minimum_phase_is_the_hilbert_transform_of_the_log_magnitude():
    from scipy.signal import hilbert

    fx = SpectralEqualizer(RATE, phase="minimum", num_taps=4095)
    _, _, h = response_db(fx, **wave(fx, 6.0))
    spectrum = np.fft.fft(h, 2**14)
    phase = -np.imag(hilbert(np.log(np.abs(spectrum))))
    assert np.abs(np.angle(spectrum * np.exp(-1j * phase)))[100:-100].max() < 0.02


def test_a_network_finds_a_curve_by_its_gradient():
    """The curve of a parametric equaliser, from noise through it."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 1, 8192, generator=generator)
    other = ParametricEqualizer(RATE)
    y = other(x, dsp_params={"peak_2_gain_db": 9.0, "high_shelf_gain_db": -6.0})
    fx, gains = SpectralEqualizer(RATE, points=16, num_taps=511, phase="minimum"), torch.zeros(1, 16)
    for _ in range(60):
        gains.requires_grad_()
        loss = (fx(x, dsp_params=fx.to_dict(gains)) - y).square().mean()
        gradient = torch.autograd.grad(loss, gains)[0]
        gains = (gains - 2.0 * gradient / gradient.norm() * float(loss) ** 0.5).detach()
    assert float(loss) < 0.05 * float((x - y).square().mean())


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"num_taps": 100}, "num_taps must be odd, got 100"),
        ({"points": 1}, "points must be a number in 2 .. 1024, or frequencies in Hz, positive and rising"),
        ({"points": [100.0, 100.0]}, "positive and rising"),
        ({"points": [0.0, 100.0]}, "positive and rising"),
        ({"points": [100.0, 22000.0]}, "a point at 22000 Hz lies over 21609 Hz"),
        ({"points": [100.0, 100.01, 100.02]}, "nearer than a transform of 262144 points"),
    ],
)
def test_construction_is_checked(options, pattern):
    with pytest.raises(ValueError, match=f"SpectralEqualizer: .*{pattern}"):
        SpectralEqualizer(RATE, **options)
