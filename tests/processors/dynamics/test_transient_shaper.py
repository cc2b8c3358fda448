"""Attacks and tails moved by what the knobs say, at any level."""

import math

import pytest
import torch

from diffFx_pytorch.processors.dynamics import TransientShaper

RATE = 44100


def drum(level_db=0.0, freq_hz=180.0, decay_ms=60.0, hits=2, seconds=0.8):
    """Hits of a tone and a click of noise that die away by 1 / e in ``decay_ms``."""
    n = torch.arange(int(seconds * RATE), dtype=torch.float64)
    hit = torch.sin(2 * math.pi * freq_hz * n / RATE) * torch.exp(-1000 * n / (RATE * decay_ms))
    hit = hit + 0.3 * torch.randn(len(n), generator=torch.Generator().manual_seed(1), dtype=torch.float64) * torch.exp(
        -n / (0.004 * RATE)
    )
    return 10 ** (level_db / 20) * hit.repeat(hits)[None, None]


def level_db(y, x, start_ms, end_ms, seconds=0.8):
    """Level of y over x from and to so long after the second hit."""
    first = int(seconds * RATE)
    part = slice(first + int(start_ms * RATE / 1000), first + int(end_ms * RATE / 1000))
    return float(10 * torch.log10(y[..., part].square().sum() / x[..., part].square().sum()))


@pytest.mark.parametrize("amount", [-12.0, -6.0, 6.0, 12.0])
@pytest.mark.parametrize("decay_ms", [30.0, 60.0, 150.0])
@pytest.mark.parametrize("level", [0.0, -40.0])
def test_attack_and_tail_move_by_what_the_knobs_say(amount, decay_ms, level):
    x = drum(level, decay_ms=decay_ms)
    attack = TransientShaper(RATE)(x, dsp_params={"attack_db": amount})
    assert level_db(attack, x, 0, 10) == pytest.approx(amount, abs=1.0)
    assert level_db(attack, x, 100, 300) == pytest.approx(0.0, abs=1.0)
    tail = TransientShaper(RATE)(x, dsp_params={"sustain_db": amount})
    assert level_db(tail, x, 100, 300) == pytest.approx(amount, abs=1.0)
    assert level_db(tail, x, 0, 10) == pytest.approx(0.0, abs=1.0)


def test_the_level_does_not_matter():
    knobs = {"attack_db": 9.0, "sustain_db": -9.0}
    loud, quiet = (TransientShaper(RATE)(drum(level), dsp_params=knobs) for level in (0.0, -60.0))
    assert torch.allclose(quiet * 1000, loud, rtol=1e-9)


@pytest.mark.parametrize("freq", [60.0, 200.0, 3000.0])
def test_a_steady_tone_is_left_alone(freq):
    n = torch.arange(2 * RATE, dtype=torch.float64)
    x = 0.3 * torch.sin(2 * math.pi * freq * n / RATE)[None, None]
    y = TransientShaper(RATE)(x, dsp_params={"attack_db": 24.0, "sustain_db": 24.0})
    assert torch.allclose(y[..., RATE // 2 :], x[..., RATE // 2 :], rtol=1e-6)


def gain_db_after_onsets(gap_ms):
    """Gain at a time in ms after a sound sets in, which was there for a second until so long before; attack 10 dB."""
    before, gap, after = RATE, round(gap_ms * RATE / 1000), RATE // 5
    x = torch.cat([torch.ones(before), torch.zeros(gap), torch.ones(after)]).double()[None, None]
    y = TransientShaper(RATE)(x, dsp_params={"attack_db": 10.0})
    gain = 20 * torch.log10(y[0, 0, before + gap :])
    return lambda ms: float(gain[round(ms * RATE / 1000)])


def test_an_attack_lasts_until_an_envelope_of_20_ms_has_come_near():
    """It lacks 3 dB, 1.75 dB, 0.5 dB of the peak after 24.6, 34.0, 57.7 ms: where the gain leaves, is half, is gone."""
    at = gain_db_after_onsets(gap_ms=2000.0)
    lacking = {db: -20 * math.log(1 - 10 ** (-db / 20)) for db in (3.0, 1.75, 0.5)}
    assert [round(ms, 1) for ms in lacking.values()] == [24.6, 34.0, 57.7]
    assert at(0.98 * lacking[3.0]) == pytest.approx(10.0, abs=1e-6)
    assert at(lacking[1.75]) == pytest.approx(5.0, abs=0.05)
    assert at(1.02 * lacking[0.5]) == pytest.approx(0.0, abs=1e-6)


def test_after_a_sound_the_slow_envelope_falls_in_30_ms():
    """Peaks count for 10 ms, so 50 of a gap of 60 ms are left to it; from there it rises again."""
    at = gain_db_after_onsets(gap_ms=60.0)
    left = math.exp(-50 / 30)
    half = 20 * math.log((1 - left) / (1 - 10 ** (-1.75 / 20)))
    assert at(half) == pytest.approx(5.0, abs=0.05)


def test_linked_channels_share_a_gain():
    x = torch.cat((drum(), torch.full_like(drum(), 0.01)), 1)
    knobs = {"attack_db": 12.0}
    linked, apart = (TransientShaper(RATE, link=link)(x, dsp_params=knobs) for link in (True, False))
    first = int(0.8 * RATE) + 20
    assert float(linked[0, 1, first] / x[0, 1, first]) == pytest.approx(10 ** (12 / 20), rel=0.01)
    assert torch.equal(apart[0, 1, RATE // 2 :], x[0, 1, RATE // 2 :])


def test_the_curve_shows_a_hit():
    knobs = {"attack_db": torch.full((1, 1, 1), 6.0), "sustain_db": torch.full((1, 1, 1), -10.0)}
    line = TransientShaper(RATE).curve(**knobs)
    at = {ms: line.y[(line.x - ms).abs().argmin()].item() for ms in (5, 250)}
    assert at == {5: pytest.approx(6.0, abs=0.1), 250: pytest.approx(-10.0, abs=0.1)}
