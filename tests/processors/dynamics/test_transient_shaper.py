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
