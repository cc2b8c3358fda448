"""What an engineer expects of an expander."""

import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.processors.dynamics import Expander

RATE = 44100
FAST = {"attack_ms": 0.05, "release_ms": 5.0}


def sine(level_db, freq_hz=1000.0, seconds=0.6):
    n = torch.arange(int(seconds * RATE), dtype=torch.float64)
    return 10 ** (level_db / 20) * torch.sin(2 * math.pi * freq_hz * n / RATE)[None, None]


def settled_db(y, x):
    last = slice(-RATE // 10, None)
    return float(10 * torch.log10(y[..., last].square().sum() / x[..., last].square().sum()))


def test_a_steady_tone_over_threshold_passes_at_the_fastest_settings():
    for freq in (50.0, 100.0, 1000.0):
        x = sine(-6.0, freq)
        y = Expander(RATE)(x, dsp_params={**FAST, "threshold_db": -40.0, "ratio": 20.0, "range_db": 96.0})
        after = slice(RATE // 10, None)
        assert torch.allclose(y[..., after], x[..., after], rtol=1e-9, atol=0)


@pytest.mark.parametrize(
    ("ratio", "under", "most", "gain"), [(8.0, 10.0, 96.0, -70.0), (8.0, 10.0, 40.0, -40.0), (2.0, 20.0, 96.0, -20.0)]
)
@pytest.mark.parametrize("threshold", [-20.0, -60.0, -90.0])
def test_the_slope_is_what_the_ratio_says(ratio, under, most, gain, threshold):
    x = sine(threshold - under)
    knobs = {**FAST, "threshold_db": threshold, "ratio": ratio, "knee_db": 0.0, "range_db": most}
    assert settled_db(Expander(RATE)(x, dsp_params=knobs), x) == pytest.approx(gain, abs=0.5)


def test_a_larger_knee_is_softer():
    curves = [Expander(RATE).curve(**knobs(knee_db=knee)).y.numpy() for knee in (0.0, 6.0, 24.0)]
    bends = [np.abs(np.diff(y, 2)).max() for y in curves]
    assert bends == sorted(bends, reverse=True)
    assert all((np.diff(y) >= 0).all() for y in curves)


def knobs(**values):
    table = {**Expander(RATE).default_params(), **values}
    return {k: torch.full((1, 1, 1), v, dtype=torch.float64) for k, v in table.items()}


@pytest.mark.parametrize(("phase", "time_ms"), [("attack_ms", 5.0), ("attack_ms", 50.0), ("release_ms", 100.0)])
def test_times_are_the_63_percent_of_a_step(phase, time_ms):
    loud, quiet = (torch.full((RATE,), 10 ** (level / 20), dtype=torch.float64) for level in (-10.0, -50.0))
    opening = phase == "attack_ms"
    key = torch.cat((quiet, loud) if opening else (loud, quiet))[None, None]
    y = Expander(RATE)(
        torch.ones_like(key),
        dsp_params={**FAST, phase: time_ms, "threshold_db": -30.0, "knee_db": 0.0, "ratio": 2.0},
        sidechain=key,
    )
    start = RATE - 1 + (0 if opening else round(0.01 * RATE) - 1)  # a peak counts for 10 ms
    gain = 20 * torch.log10(y[0, 0, start:]).numpy()
    covered = np.abs(gain - gain[0]) / 20.0
    assert covered[-1] == pytest.approx(1.0, abs=1e-3)
    assert np.interp(1 - 1 / math.e, covered, np.arange(covered.size)) == pytest.approx(time_ms * RATE / 1000, rel=0.03)


def test_silence_has_it_shut_and_music_opens_it():
    x = torch.cat((0 * sine(-6.0), sine(-6.0)), -1)
    y = Expander(RATE)(x, dsp_params={"attack_ms": 50.0, "threshold_db": -40.0, "ratio": 8.0, "range_db": 60.0})
    first = slice(x.shape[-1] // 2, x.shape[-1] // 2 + 441)
    assert y[..., first].abs().max() < 0.05 * x.abs().max()
    assert settled_db(y, x) == pytest.approx(0.0, abs=0.01)


def test_the_sidechain_alone_decides():
    x = sine(-6.0)
    shut = Expander(RATE)(x, dsp_params={"ratio": 20.0, "range_db": 40.0}, sidechain=0 * x)
    assert torch.allclose(shut, 0.01 * x)


def test_linked_channels_share_a_gain_and_others_do_not():
    x = torch.cat((sine(-6.0), sine(-50.0)), 1)
    linked, apart = (
        Expander(RATE, link=link)(x, dsp_params={"ratio": 8.0, "range_db": 30.0}) for link in (True, False)
    )
    assert settled_db(linked[:, 1], x[:, 1]) == pytest.approx(0.0, abs=0.01)
    assert settled_db(apart[:, 1], x[:, 1]) == pytest.approx(-30.0, abs=0.01)


def test_makeup_is_heard_open_and_shut():
    for level in (-10.0, -60.0):
        x = sine(level)
        plain, louder = (Expander(RATE)(x, dsp_params={"makeup_db": gain}) for gain in (0.0, 7.0))
        assert torch.allclose(louder, 10 ** (7 / 20) * plain, rtol=1e-12)


def test_both_knees_turn_down_as_much_at_the_threshold():
    lines = [Expander(RATE, knee_shape=shape).curve(**knobs(knee_db=8.0)) for shape in ("quadratic", "exponential")]
    place = int((lines[0].x - knobs()["threshold_db"].item()).abs().argmin())
    drops = [float(line.x[place] - line.y[place]) for line in lines]
    assert drops[0] > 0.5
    assert drops == pytest.approx([drops[0]] * 2, abs=1e-4)
    assert (lines[1].x - lines[1].y)[-1] < 1e-6
