"""The dynamic equaliser as an engineer measures it."""

import math

import pytest
import torch

from diffFx_pytorch.processors import DynamicEqualizer, Peak

RATE = 44100
DTYPE = torch.float64
FAST = {"band_1_attack_ms": 1.0, "band_1_release_ms": 100.0}


def sine(level_db, freq_hz=1000.0, seconds=1.0):
    """(1, 1, T), its RMS level at ``level_db``."""
    n = torch.arange(int(seconds * RATE), dtype=DTYPE)
    return math.sqrt(2) * 10 ** (level_db / 20) * torch.sin(2 * math.pi * freq_hz * n / RATE)[None, None]


def gain_db(y, x):
    last = slice(-RATE // 10, None)
    return float(10 * torch.log10(y[..., last].square().sum() / x[..., last].square().sum()))


@pytest.mark.parametrize("range_db", [-24.0, 24.0])
@pytest.mark.parametrize(("direction", "level"), [("above", -10.0), ("below", -50.0)])
def test_a_tone_settles_on_the_static_curve(direction, level, range_db):
    """20 dB beyond the threshold at ratio 4: 15 dB of gain, down or up as the range says."""
    fx = DynamicEqualizer(RATE, num_bands=1, direction=direction)
    knobs = {"band_1_threshold_db": -30.0, "band_1_ratio": 4.0, "band_1_range_db": range_db, "band_1_freq_hz": 1000.0}
    x = sine(level)
    assert gain_db(fx(x, dsp_params=knobs | FAST), x) == pytest.approx(math.copysign(15, range_db), abs=0.1)
    other_side = sine(-60.0 - level)
    assert gain_db(fx(other_side, dsp_params=knobs | FAST), other_side) == pytest.approx(0, abs=0.02)


def test_the_range_is_the_furthest():
    fx = DynamicEqualizer(RATE, num_bands=1)
    knobs = {"band_1_threshold_db": -60.0, "band_1_ratio": 20.0, "band_1_range_db": -6.0, "band_1_freq_hz": 1000.0}
    x = sine(-6.0)
    assert gain_db(fx(x, dsp_params=knobs), x) == pytest.approx(-6, abs=0.01)


def test_only_the_level_in_the_band_counts():
    fx = DynamicEqualizer(RATE)
    knobs = {f"band_{k}_threshold_db": -30.0 for k in (1, 2, 3)} | {f"band_{k}_q": 4.0 for k in (1, 2, 3)}
    bass, voice = sine(-3.0, 60.0), sine(-40.0, 1000.0)
    alone = fx(voice, dsp_params=knobs)
    assert gain_db(fx(bass + voice, dsp_params=knobs) - fx(bass, dsp_params=knobs), alone) == pytest.approx(0, abs=0.1)


def test_settled_it_is_a_peak():
    """Held by a steady key, the response is that of a peak of the gain and, in a peak's count, of Q sqrt(g)."""
    fx = DynamicEqualizer(RATE, num_bands=1)
    knobs = {"band_1_threshold_db": -30.0, "band_1_ratio": 4.0, "band_1_range_db": 24.0, "band_1_q": 2.0} | FAST
    key = sine(-10.0)
    x = torch.zeros_like(key)
    at = RATE // 2
    x[..., at] = 1
    y = fx(x, dsp_params=knobs | {"band_1_freq_hz": 1000.0}, sidechain=key)[0, 0, at : at + 4096]
    q = 2.0 / math.sqrt(10 ** (15 / 20))
    peak = Peak(RATE, design="bilinear")
    impulse = torch.zeros(1, 1, 4096, dtype=DTYPE)
    impulse[..., 0] = 1
    expected = peak(impulse, dsp_params={"freq_hz": 1000.0, "gain_db": 15.0, "q": q})[0, 0]
    assert (y - expected).norm() < 0.02 * expected.norm()


def test_attack_and_release_are_times_to_63_percent():
    """The gain of a band, from a pair of inputs a quarter of a turn apart under one key."""
    fx = DynamicEqualizer(RATE, num_bands=1, rms_ms=0.2)
    knobs = {"band_1_freq_hz": 5000.0, "band_1_q": 0.5, "band_1_threshold_db": -40.0, "band_1_ratio": 2.0}
    knobs |= {"band_1_range_db": -24.0, "band_1_attack_ms": 50.0, "band_1_release_ms": 100.0}
    n = torch.arange(2 * RATE, dtype=DTYPE)
    loud, quiet = RATE // 2, 3 * RATE // 2
    size = torch.where((n >= loud) & (n < quiet), 10 ** (-20 / 20), 10 ** (-80 / 20))
    key = (math.sqrt(2) * size * torch.sin(2 * math.pi * 5000 / RATE * n))[None, None]
    pair = torch.stack([f(2 * math.pi * 5000 / RATE * n) for f in (torch.cos, torch.sin)])[:, None]
    gain = 20 * torch.log10(fx(pair, dsp_params=knobs, sidechain=key.expand(2, -1, -1))[:, 0].norm(dim=0))
    assert float(gain[quiet - 1]) == pytest.approx(-10, abs=0.1)
    attack = float((gain[loud:quiet] > -10 * (1 - math.exp(-1))).sum()) / RATE
    release = float((gain[quiet:] < -10 * math.exp(-1)).sum()) / RATE
    assert attack == pytest.approx(0.050, rel=0.03)
    assert release == pytest.approx(0.100, rel=0.03)


def test_linked_channels_share_the_gain_of_the_loudest():
    left, right = sine(-6.0), sine(-60.0)
    stereo = torch.cat([left, right], 1)
    knobs = {"band_1_freq_hz": 1000.0, "band_1_threshold_db": -30.0, "band_1_ratio": 20.0} | FAST
    linked = DynamicEqualizer(RATE, num_bands=1)(stereo, dsp_params=knobs)
    assert gain_db(linked[:, 1], right) == pytest.approx(-12, abs=0.1)
    apart = DynamicEqualizer(RATE, num_bands=1, link=False)(stereo, dsp_params=knobs)
    assert gain_db(apart[:, 1], right) == pytest.approx(0, abs=0.01)
    mono = DynamicEqualizer(RATE, num_bands=1)(left, dsp_params=knobs)
    assert torch.equal(DynamicEqualizer(RATE, num_bands=1)(torch.cat([left, left], 1), dsp_params=knobs)[:, :1], mono)


def test_a_sidechain_ducks_a_band():
    fx = DynamicEqualizer(RATE, num_bands=1)
    knobs = {"band_1_freq_hz": 200.0, "band_1_threshold_db": -30.0, "band_1_ratio": 20.0} | FAST
    bass, kick = sine(-50.0, 200.0), sine(-6.0, 200.0)
    assert gain_db(fx(bass, dsp_params=knobs), bass) == pytest.approx(0, abs=0.01)
    assert gain_db(fx(bass, dsp_params=knobs, sidechain=kick), bass) == pytest.approx(-12, abs=0.05)


def test_gains_and_centres_may_move_as_fast_as_they_like():
    fx = DynamicEqualizer(RATE, num_bands=1)
    x = 0.3 * torch.randn(1, 1, RATE // 20, generator=torch.Generator().manual_seed(0), dtype=DTYPE)
    sweep = torch.logspace(2, 4, x.shape[-1], dtype=DTYPE)[None]
    knobs = {"band_1_freq_hz": sweep, "band_1_q": 10.0, "band_1_threshold_db": -60.0, "band_1_range_db": 24.0}
    y = fx(x, dsp_params=knobs | {"band_1_attack_ms": 0.1, "band_1_release_ms": 10.0, "band_1_ratio": 20.0})
    assert y.abs().max() < 10 ** (24 / 20) * x.abs().max()


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        (
            {"direction": "sideways"},
            "direction must be 'above' or 'below', or as many of them as bands, got 'sideways'",
        ),
        ({"direction": 3}, "direction must be 'above' or 'below', or as many of them as bands, got 3"),
        ({"direction": ("above", "below")}, "direction must be 'above' or 'below', or 3 of them"),
    ],
)
def test_construction_is_checked(options, pattern):
    with pytest.raises(ValueError, match=f"DynamicEqualizer: {pattern}"):
        DynamicEqualizer(RATE, **options)
