"""TanH: its curve, its aliasing, its bias."""

import itertools
import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.processors import TanH

RATE = 44100
PLAIN = {"bias": 0.0, "mix": 1.0, "output_db": 0.0}


def test_equals_pedalboard():
    pedalboard = pytest.importorskip("pedalboard")
    x = torch.randn(1, 2, 4000) / 3
    for drive in (0.0, 12.0, 30.0):
        expected = pedalboard.Distortion(drive_db=drive)(x[0].numpy(), RATE)
        y = TanH(RATE, oversampling=1)(x, dsp_params={**PLAIN, "drive_db": drive})[0].numpy()
        assert np.abs(y - expected).max() < 1e-6


@pytest.mark.parametrize("construction", TanH.variants, ids=str)
def test_quiet_signals_keep_their_level_at_0_db(construction, sine, spectrum):
    x = sine(100, 1e-3)
    y = TanH(RATE, **{"oversampling": 1, **construction})(x, dsp_params={**PLAIN, "drive_db": 0.0})
    assert 20 * math.log10(spectrum(y)[100] / spectrum(x)[100]) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("phase", ["linear", "minimum"])
@pytest.mark.parametrize("drive", [0.0, 12.0, 17.0])
def test_alias_is_70_db_down_at_eight_times_the_rate(phase, drive, sine, alias_db):
    y = TanH(RATE, oversampling=8, phase=phase)(sine(9000), dsp_params={**PLAIN, "drive_db": drive})
    assert alias_db(y, 9000) < -70


def test_more_oversampling_is_less_alias(sine, alias_db):
    x = sine(5000)
    levels = [
        alias_db(TanH(RATE, oversampling=f)(x, dsp_params={**PLAIN, "drive_db": 18.0}), 5000) for f in (1, 2, 4, 8)
    ]
    assert levels == sorted(levels, reverse=True)
    assert all(a - b > 15 for a, b in itertools.pairwise(levels))


@pytest.mark.parametrize("drive", [12.0, 18.0, 24.0])
def test_adaa_takes_15_db_off_the_alias_that_is_heard(drive, sine, alias_db):
    # Under the fundamental, where nothing masks it. Near the highest frequencies first order takes 6 to 10 dB.
    x = sine(9000)
    plain, adaa = (
        alias_db(TanH(RATE, oversampling=1, antialias=a)(x, dsp_params={**PLAIN, "drive_db": drive}), 9000, 9000)
        for a in (None, "adaa")
    )
    assert plain - adaa > 15


def test_adaa_and_oversampling_together(sine, alias_db):
    x = sine(9000)
    levels = [
        alias_db(TanH(RATE, oversampling=2, antialias=a)(x, dsp_params={**PLAIN, "drive_db": 18.0}), 9000)
        for a in (None, "adaa")
    ]
    assert levels[0] - levels[1] > 15


@pytest.mark.parametrize("construction", TanH.variants, ids=str)
@pytest.mark.parametrize("bias", [-1.0, 0.5])
def test_bias_leaves_no_dc_behind_and_makes_even_harmonics(construction, bias, sine, spectrum):
    x = sine(200, 0.5)
    y = TanH(RATE, **{"oversampling": 1, **construction})(x, dsp_params={**PLAIN, "drive_db": 12.0, "bias": bias})
    magnitude = spectrum(y)
    assert magnitude[0] < 1e-4 * magnitude[200]
    assert magnitude[400] > 0.05 * magnitude[200]


def test_without_bias_the_bottom_is_untouched(sine):
    x = sine(5, 0.1)
    y = TanH(RATE, oversampling=1)(x, dsp_params={**PLAIN, "drive_db": 0.0})
    assert torch.equal(y, x.tanh())


def test_the_dry_signal_arrives_with_the_wet_one(sine):
    for construction in ({"oversampling": 4}, {"oversampling": 8}):
        fx, x = TanH(RATE, **{"oversampling": 1, **construction}), sine(1000, 1e-4)
        wet, dry = (fx(x, dsp_params={**PLAIN, "drive_db": 0.0, "mix": mix})[..., 2000:] for mix in (1.0, 0.0))
        assert (wet - dry).norm() < 1e-3 * dry.norm()


def test_no_dead_zone():
    x = torch.logspace(-12, 0, 100, dtype=torch.float64)[None, None]
    y = TanH(RATE, oversampling=1)(x, dsp_params={**PLAIN, "drive_db": 0.0})
    assert (y / x > 0.7).all()
