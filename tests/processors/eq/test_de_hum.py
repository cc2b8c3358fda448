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
