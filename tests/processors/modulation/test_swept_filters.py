"""Through-zero flanger and LFO filter as an engineer measures them."""

import math

import pytest
import torch

from diffFx_pytorch.processors import LFOFilter, ThroughZeroFlanger

RATE = 48000


def tone(hertz, seconds=1.0):
    t = torch.arange(int(RATE * seconds), dtype=torch.float64) / RATE
    return torch.sin(2 * math.pi * hertz * t)[None, None]


def envelope(y, width=48):
    return y[0, 0].unfold(0, width, width).square().mean(-1).mul(2).sqrt()


def test_the_comb_passes_zero_where_all_is_in_step():
    fx = ThroughZeroFlanger(RATE, rate_hz=1.0, depth=1.0, delay_ms=2.0, mix=0.5)
    level = envelope(fx(tone(7000.0)))
    # The oscillator is at zero at 0, 0.5 and 1 s; the tone cancels where the delay is an odd number of half periods.
    late = fx.latency_samples / 48
    assert level[499:501].min() > 0.98
    assert level[round(late) + 2 : 480].min() < 0.1


def test_turned_round_it_cancels_at_zero():
    fx = ThroughZeroFlanger(RATE, rate_hz=1.0, depth=1.0, delay_ms=2.0, mix=0.5, invert=True)
    assert envelope(fx(tone(500.0)))[499:501].max() < 0.05


def test_standing_still_it_delays_and_nothing_else():
    fx, x = ThroughZeroFlanger(RATE, depth=0.0), torch.randn(1, 2, 4000, dtype=torch.float64)
    y = fx(x)
    assert torch.allclose(y[..., fx.latency_samples :], x[..., : -fx.latency_samples], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("kind", "low", "high"), [("low_pass", 1.0, 0.0), ("high_pass", 0.0, 1.0)])
def test_standing_still_the_filter_is_one(kind, low, high):
    fx = LFOFilter(RATE, kind=kind, octaves=0.0, freq_hz=1000.0, q=math.sqrt(0.5))
    assert envelope(fx(tone(30.0)), 4800)[-1] == pytest.approx(low, abs=0.01)
    assert envelope(fx(tone(18000.0)), 4800)[-1] == pytest.approx(high, abs=0.01)


def test_the_filter_opens_and_closes_at_its_rate():
    fx = LFOFilter(RATE, rate_hz=4.0, octaves=2.0, freq_hz=1000.0, q=0.7)
    level = envelope(fx(tone(2000.0)))
    quarter = level[: 4 * 250].reshape(4, 250)
    assert quarter[:, 50:75].min() > 0.8  # at a quarter of a turn, 4 kHz
    assert quarter[:, 175:200].max() < 0.05  # at three quarters, 250 Hz
