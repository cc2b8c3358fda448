"""Hum removal as an engineer measures it."""

import math

import pytest
import torch

from diffFx_pytorch.processors import DeHum

RATE = 48000


def rms_db(x):
    return 10 * math.log10(float(x[..., -RATE:].square().mean()))


def tone(hertz, seconds=4):
    t = torch.arange(RATE * seconds, dtype=torch.float64) / RATE
    return torch.sin(2 * math.pi * hertz * t)[None, None]


@pytest.mark.parametrize("mains", [50.0, 60.0])
def test_a_hum_goes_and_what_is_between_its_partials_stays(mains):
    fx = DeHum(RATE, freq_hz=mains)
    hum = sum(tone(mains * k) / k for k in range(1, 17))
    assert rms_db(fx(hum)) < rms_db(hum) - 80
    for hertz in (mains * 1.5, mains * 6.5, 3000.0):
        assert rms_db(fx(tone(hertz))) == pytest.approx(rms_db(tone(hertz)), abs=0.1)


def test_a_drift_of_half_the_width_is_still_down_three_decibels():
    assert rms_db(DeHum(RATE, width_hz=2.0)(tone(51.0))) - rms_db(tone(51.0)) == pytest.approx(-3.0, abs=0.3)


def test_odd_and_even_harmonics_are_taken_apart():
    odd, even = (DeHum(RATE, series=series, num_harmonics=4) for series in ("odd", "even"))
    assert rms_db(odd(tone(150.0))) < -80 < rms_db(even(tone(150.0)))
    assert rms_db(even(tone(100.0))) < -80 < rms_db(odd(tone(100.0)))


def test_what_the_sample_rate_does_not_have_is_left_out():
    assert len(DeHum(4000, num_harmonics=64).harmonics) == int(0.49 * 4000 / 65)


def hum_at(hertz, seconds=6):
    """Mains at a frequency, constant or at every sample, with its overtones."""
    phase = torch.as_tensor(hertz, dtype=torch.float64).expand(RATE * seconds).cumsum(-1) / RATE
    return sum(0.1 / k * torch.sin(2 * math.pi * k * phase) for k in range(1, 9))[None, None]


@pytest.mark.parametrize(("nominal", "mains"), [(50.0, 50.6), (60.0, 59.3)])
def test_notches_follow_the_mains_where_still_ones_lose_it(nominal, mains):
    hum, knobs = hum_at(mains), {"freq_hz": nominal, "width_hz": 1.0, "num_harmonics": 8}
    assert rms_db(DeHum(RATE, **knobs)(hum)) - rms_db(hum) > -6
    assert rms_db(DeHum(RATE, follow=True, **knobs)(hum)) - rms_db(hum) < -50


def test_a_drift_is_followed_beside_louder_noise():
    drift = torch.linspace(49.8, 50.2, 5 * RATE, dtype=torch.float64)
    noise = 0.2 * torch.randn(1, 1, 5 * RATE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    hum, fx = hum_at(drift, 5), DeHum(RATE, follow=True, num_harmonics=8)
    found, at, _ = fx.mains(hum + noise, torch.full((1, 1, 1), 50.0).double(), None)
    assert float((found[0, 0, 2000:-2] - (drift[at[2000:-2]] - 50)).abs().max()) < 0.2
    assert rms_db(fx(hum + noise) - fx(noise)) - rms_db(hum) < -10


def test_what_is_no_hum_moves_the_notches_by_one_hertz_at_most():
    fx = DeHum(RATE, follow=True)
    for x in (tone(56.0), torch.zeros(1, 1, RATE).double(), torch.randn(1, 1, RATE).double()):
        found, _, _ = fx.mains(x, torch.full((1, 1, 1), 50.0).double(), None)
        assert float(found.abs().max()) <= 1.0
