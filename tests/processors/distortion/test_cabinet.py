"""A cabinet as it is measured: its box, its peak, its end, and what moving the microphone does."""

import math

import numpy as np
import pytest
import soundfile
import torch
from scipy.special import j1

from diffFx_pytorch.processors import Cabinet

RATE = 44100
FAR = {"distance_cm": 200.0, "angle_deg": 0.0}


def level(hertz, **knobs):
    """Gain in dB at a frequency, from the response to a click."""
    click = torch.zeros(RATE, dtype=torch.float64)
    click[0] = 1
    spectrum = np.fft.rfft(Cabinet(RATE)(click, **knobs).numpy())
    return 20 * math.log10(abs(spectrum[hertz]))


@pytest.mark.parametrize("q", [0.7, 2.0])
def test_the_box_resonates_and_falls_by_12_db_an_octave_below(q):
    knobs = {**FAR, "resonance_hz": 120.0, "resonance_q": q, "presence_db": 0.0}
    bass = level(120, **knobs) - level(800, **knobs)
    # The microphone adds a little even two metres off: 1 + c / (2 s R).
    near = 20 * math.log10(abs(1 + 343 / (2 * 2j * math.pi * 120 * math.hypot(2.0, 0.13))))
    assert bass == pytest.approx(20 * math.log10(q) + near, abs=0.25)
    knobs["resonance_hz"] = 300.0
    assert level(120, **knobs) - level(60, **knobs) == pytest.approx(12, abs=2.5)


def test_the_bass_rises_near_the_cone_as_a_gradient_microphone_has_it():
    """The gradient of the pressure on the axis of a slow piston, differentiated by numbers."""

    def pressure(r, k):  # Kinsler, equation 7.4.5, without the factors that stay
        return np.exp(-1j * k * r) - np.exp(-1j * k * np.hypot(r, 0.13))

    def cardioid(hertz, r):
        k, step = 2 * math.pi * hertz / 343, 1e-5
        slope = (pressure(r + step, k) - pressure(r - step, k)) / (2 * step)
        return abs(0.5 * (1 + slope / pressure(r, k) / (-1j * k)))

    for hertz in (60, 120):
        theirs = 20 * math.log10(cardioid(hertz, 0.02) / cardioid(hertz, 1.0))
        ours = level(hertz, distance_cm=2.0) - level(hertz, distance_cm=100.0)
        assert ours == pytest.approx(theirs, abs=0.5)  # exact where k (R - r) is small


def test_beside_the_axis_half_the_power_is_left_where_a_piston_has_half():
    for angle in (15.0, 45.0):
        side = math.sin(math.radians(angle))
        hertz = round(1.6163 * 343 / (2 * math.pi * 0.13 * side))
        ka = 2 * math.pi * hertz / 343 * 0.13 * side
        theirs = 20 * math.log10(2 * j1(ka) / ka)
        assert level(hertz, angle_deg=angle) - level(hertz, angle_deg=0.0) == pytest.approx(theirs, abs=0.1)


def test_the_defaults_are_close_to_a_published_loudspeaker():
    """Celestion G12: 12 dB an octave below 130 Hz, a rise of 6 to 8 dB at 2 to 4 kHz, 24 dB an octave above 5 kHz."""
    assert 5 < level(2800) - level(700) < 8
    assert level(130) - level(700) == pytest.approx(0, abs=6)
    assert 17 < level(7000) - level(14000) < 30
    assert level(10000) < level(1000) - 15


def test_a_response_of_ones_own_is_taken_from_a_file_at_its_rate(tmp_path):
    h = np.random.default_rng(0).standard_normal(400) * np.exp(-np.arange(400) / 60)
    soundfile.write(tmp_path / "box.wav", h / 8, 22050, subtype="DOUBLE")
    fx = Cabinet(RATE, ir=tmp_path / "box.wav", normalize=False)
    assert list(fx.params) == ["mix"]
    tone = torch.sin(2 * math.pi * 1000 / RATE * torch.arange(RATE, dtype=torch.float64))
    heard = abs(np.sum(h / 8 * np.exp(-2j * math.pi * 1000 / 22050 * np.arange(400))))
    assert float(fx(tone)[RATE // 2 :].square().mean()) == pytest.approx(heard**2 / 2, rel=0.02)


def test_what_it_cannot_take_is_refused_with_its_name(tmp_path):
    with pytest.raises(ValueError, match="Cabinet: ir must have one channel, got 2"):
        Cabinet(RATE, ir=torch.ones(2, 8))
    with pytest.raises(ValueError, match="learnable needs a response"):
        Cabinet(RATE, learnable=True)
    with pytest.raises(OSError, match="Cabinet: "):
        Cabinet(RATE, ir=tmp_path / "none.wav")


def test_a_trained_response_finds_a_cabinet_and_a_stream_hears_it_change():
    torch.manual_seed(0)
    x, click = torch.randn(1, 1, 1000), torch.zeros(32)
    click[0] = 1.0
    h = torch.randn(32) * torch.exp(-torch.arange(32) / 8.0)
    wanted = Cabinet(RATE, ir=h, normalize=False)(x)
    fx = Cabinet(RATE, ir=click, normalize=False, learnable=True)
    optimizer = torch.optim.LBFGS([fx.response], max_iter=25, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        error = (fx(x) - wanted).square().mean()
        error.backward()
        return error

    optimizer.step(loss)
    assert torch.allclose(fx.response[0, 0], h, atol=1e-3)
    with torch.no_grad():
        stream = fx.stream()
        stream(x[:1, :, :64])
        fx.response.zero_()
        assert stream(x[:1, :, 64:200])[..., 40:].abs().max() == 0
